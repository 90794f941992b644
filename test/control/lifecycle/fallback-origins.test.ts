import { expect, it } from 'vitest'

import type { Zone } from '#domain/zone.ts'
import { systemClock } from '#lib/clock.ts'
import { startControlPlane } from '#test/control-plane.ts'
import { aHostname, aZone } from '#test/records.ts'
import { aCustomer } from '#test/steps.ts'

const { fallbackOrigin } = aZone()

it.each<[string, Zone['fallbackOrigin'], string]>([
  ['is not there', undefined, 'Zone does not have a fallback origin set.'],
  [
    'is on its way out',
    fallbackOrigin && {
      ...fallbackOrigin,
      updatedAt: Number.MAX_SAFE_INTEGER,
      state: 'pending_deletion',
    },
    'The fallback origin is in the status pending_deletion.',
  ],
])('a hostname whose fallback origin %s is not proved, and says so', async (_, origin, error) => {
  await using plane = await startControlPlane({ inspector: aCustomer() })
  await plane.store.zones.update(aZone().id, (zone) => ({ ...zone, fallbackOrigin: origin }))
  const record = aHostname({}, systemClock.now())
  await plane.create(record)
  const { ownership } = await plane.until(
    record.id,
    (one) => one.ownership.state === 'pending' && one.ownership.attempts > 0,
  )
  expect(ownership).toMatchObject({ state: 'pending', errors: [error] })
})

it('a hostname with an origin of its own does not need it', async () => {
  await using plane = await startControlPlane({ inspector: aCustomer() })
  await plane.store.zones.update(aZone().id, (zone) => ({ ...zone, fallbackOrigin: undefined }))
  const record = aHostname({ customOriginServer: 'own.saas.com' }, systemClock.now())
  await plane.create(record)
  const proved = await plane.until(record.id, ({ ownership }) => ownership.state !== 'pending')
  expect(proved.ownership).toMatchObject({ state: 'verified', by: 'cname' })
})
