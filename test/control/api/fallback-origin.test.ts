import { NotFoundError } from 'cloudflare'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'

import { DEPLOYMENT_DEADLINE_MS } from '#domain/advance-issuance.ts'
import { startApi, type ApiServer } from '#test/api-server.ts'
import { fakeClock, type FakeClock } from '#test/fake-clock.ts'
import { NOON } from '#test/records.ts'

/** The statuses of a fallback origin by the official SDK and a clock moved by hand (spec section 1.7). */
let api: ApiServer
let clock: FakeClock
let zone: { zone_id: string }

beforeAll(async () => {
  clock = fakeClock(NOON)
  api = await startApi({ deps: { clock } })
})
afterAll(async () => {
  await api[Symbol.asyncDispose]()
})

let counted = 0
beforeEach(async () => {
  const { id } = await api.client.zones.create({ account: {}, name: `zone${++counted}.saas.com` })
  zone = { zone_id: id }
})

const aHostname = (): Promise<unknown> =>
  api.client.customHostnames.create({ ...zone, hostname: `app${counted}.customer.com` })
const put = (origin: string): Promise<unknown> =>
  api.client.customHostnames.fallbackOrigin.update({ ...zone, origin })
const get = (): Promise<unknown> => api.client.customHostnames.fallbackOrigin.get(zone)
const remove = (): Promise<unknown> => api.client.customHostnames.fallbackOrigin.delete(zone)

describe('a fallback origin', () => {
  it('is active at once where no hostname waits for it', async () => {
    const now = new Date(clock.now()).toISOString()
    const origin = { origin: 'https://one.saas.com', status: 'active', errors: [] }
    const shown = { ...origin, created_at: now, updated_at: now }
    expect(await put('one.saas.com')).toEqual({ ...shown, origin: expect.stringContaining('one') })
    expect(await get()).toMatchObject({ status: 'active', created_at: now, updated_at: now })
  })

  it('is pending until the hostnames have it, and timed out when that takes too long', async () => {
    await aHostname()
    expect(await put('one.saas.com')).toMatchObject({ status: 'pending_deployment', errors: [] })
    await clock.advance(DEPLOYMENT_DEADLINE_MS - 1)
    expect(await get()).toMatchObject({ status: 'pending_deployment', errors: [] })
    await clock.advance(1)
    expect(await get()).toMatchObject({
      status: 'deployment_timed_out',
      errors: ['Not every edge has applied it for every custom hostname yet.'],
    })
    expect(await put('two.saas.com')).toMatchObject({ status: 'pending_deployment', errors: [] })
  })

  it('is pending until no hostname has it any more, and timed out when that takes too long', async () => {
    await aHostname()
    await put('one.saas.com')
    expect(await remove()).toMatchObject({ status: 'pending_deletion', errors: [] })
    await clock.advance(DEPLOYMENT_DEADLINE_MS)
    const late = {
      status: 'deletion_timed_out',
      errors: ['Not every edge has let go of it for every custom hostname yet.'],
    }
    expect(await remove()).toMatchObject(late)
    expect(await get()).toMatchObject(late)
    expect(await put('one.saas.com')).toMatchObject({ status: 'pending_deployment', errors: [] })
  })

  it('keeps the time at which there was one first, also over a change', async () => {
    await put('one.saas.com')
    const created_at = new Date(clock.now()).toISOString()
    await clock.advance(1_000)
    const updated_at = new Date(clock.now()).toISOString()
    expect(await put('two.saas.com')).toMatchObject({ created_at, updated_at })
  })

  it('is not there before, and cannot be removed', async () => {
    await expect(get()).rejects.toThrow(NotFoundError)
    await expect(remove()).rejects.toMatchObject({ status: 404, errors: [{ code: 10404 }] })
  })
})
