import { describe, expect, it } from 'vitest'

import { DEPLOYMENT_DEADLINE_MS } from '#domain/advance-issuance.ts'
import {
  fallbackOriginStatus,
  isSettled,
  type FallbackOrigin,
  type FallbackOriginStatus,
} from '#domain/zone.ts'
import { NOON } from '#test/records.ts'

const ORIGIN: FallbackOrigin = {
  origin: { scheme: 'https', host: 'origin.saas.com', port: 443 },
  createdAt: NOON - 1,
  updatedAt: NOON,
  state: 'active',
}
const LATE = NOON + DEPLOYMENT_DEADLINE_MS

describe('the status of a fallback origin', () => {
  it.each<[string, Partial<FallbackOrigin>, FallbackOriginStatus, FallbackOriginStatus]>([
    ['that every edge has', {}, 'active', 'active'],
    ['on its way', { isDeploying: true }, 'pending_deployment', 'deployment_timed_out'],
    ['on its way out', { state: 'pending_deletion' }, 'pending_deletion', 'deletion_timed_out'],
  ])('%s', (_what, change, before, after) => {
    const origin = { ...ORIGIN, ...change }
    expect(fallbackOriginStatus(origin, NOON)).toBe(before)
    expect(fallbackOriginStatus(origin, LATE - 1)).toBe(before)
    expect(fallbackOriginStatus(origin, LATE)).toBe(after)
    expect(isSettled(origin)).toBe(before === 'active')
  })
})
