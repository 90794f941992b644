import { NotFoundError } from 'cloudflare'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { startApi, ZONE_ID, type ApiServer } from '#test/api-server.ts'

let api: ApiServer
beforeAll(async () => {
  api = await startApi()
})
afterAll(async () => {
  await api[Symbol.asyncDispose]()
})

const zone = { zone_id: ZONE_ID }

let counted = 0
const aName = (): string => `shop${++counted}.tenant.com`

describe('zones with the SDK', () => {
  it('lists, creates, reads and deletes zones', async () => {
    const { zones } = api.client
    const zoneCreated = await zones.create({ account: { id: 'x' }, name: 'Second.Saas.com' })
    expect(zoneCreated).toMatchObject({ name: 'second.saas.com', status: 'active', paused: false })
    expect(zoneCreated.id).toMatch(/^[0-9a-f]{32}$/)
    expect((await zones.list({ name: 'second.saas.com' })).result).toEqual([zoneCreated])
    expect(await zones.get({ zone_id: zoneCreated.id })).toEqual(zoneCreated)
    await expect(zones.create({ account: {}, name: 'second.saas.com' })).rejects.toMatchObject({
      status: 409,
      errors: [{ code: 1061 }],
    })
    expect(await zones.delete({ zone_id: zoneCreated.id })).toEqual({ id: zoneCreated.id })
    expect((await zones.list({ name: 'second.saas.com' })).result).toEqual([])
  })

  it('refuses to delete a zone that has hostnames', async () => {
    await api.client.customHostnames.create({ ...zone, hostname: aName() })
    await expect(api.client.zones.delete(zone)).rejects.toMatchObject({
      status: 409,
      errors: [{ code: 10409 }],
    })
  })

  it('pages through all zones', async () => {
    const names = Array.from({ length: 7 }, (_, at) => `paged-${at}.com`)
    for (const name of names) await api.client.zones.create({ account: {}, name })
    const seen: string[] = []
    for await (const each of api.client.zones.list({ per_page: 5 })) seen.push(each.name)
    expect(seen).toEqual(expect.arrayContaining(names))
    expect(new Set(seen).size).toBe(seen.length)
  })

  it('sets, reads and removes the fallback origin', async () => {
    const { id } = await api.client.zones.create({ account: {}, name: 'fallback.saas.com' })
    const own = { zone_id: id }
    const { fallbackOrigin } = api.client.customHostnames
    await expect(fallbackOrigin.get(own)).rejects.toThrow(NotFoundError)
    await expect(fallbackOrigin.delete(own)).rejects.toThrow(NotFoundError)
    const put = await fallbackOrigin.update({ ...own, origin: 'http://backend.internal:3000' })
    expect(put).toMatchObject({
      origin: 'http://backend.internal:3000',
      status: 'active',
      errors: [],
    })
    expect(await fallbackOrigin.get(own)).toEqual(put)
    expect(await fallbackOrigin.delete(own)).toMatchObject({ status: 'pending_deletion' })
    const again = await fallbackOrigin.update({ ...own, origin: '127.0.0.1:8443' })
    expect(again).toMatchObject({ origin: '127.0.0.1:8443', status: 'active' })
  })

  it('publishes every hostname of the zone again when the fallback origin changes, else none', async () => {
    const { id } = await api.client.zones.create({ account: {}, name: 'republished.saas.com' })
    const hostname = aName()
    const own = await api.client.customHostnames.create({ zone_id: id, hostname })
    const serial = async (): Promise<number> =>
      (await api.store.hostnames.find(own.id))?.deployment.serial ?? -1
    const first = await serial()
    const put = (origin: string): Promise<unknown> =>
      api.client.customHostnames.fallbackOrigin.update({ zone_id: id, origin })
    await put('one.saas.com')
    const second = await serial()
    expect(second).toBe(first + 1)
    await put('https://one.saas.com:443')
    expect(await serial()).toBe(second)
  })

  it('reads the quota and the delegation uuid', async () => {
    const { id } = await api.client.zones.create({ account: {}, name: 'quota.saas.com' })
    await api.client.customHostnames.create({ zone_id: id, hostname: aName() })
    const quota = await api.client.customHostnames.quota.get({ zone_id: id })
    expect(quota).toMatchObject({ used: 1, exceeded: false })
    expect(await api.client.dcvDelegation.get({ zone_id: id })).toEqual({
      uuid: expect.stringMatching(/^[0-9a-f]{16}$/),
    })
  })

  it('reads and edits always_use_https', async () => {
    const { settings } = api.client.zones
    expect(await settings.get('always_use_https', zone)).toMatchObject({
      id: 'always_use_https',
      value: 'on',
    })
    const off = { ...zone, id: 'always_use_https', value: 'off' } as const
    expect(await settings.edit('always_use_https', off)).toMatchObject({ value: 'off' })
    expect((await api.store.zones.find(ZONE_ID))?.settings.alwaysUseHttps).toBe(false)
  })
})
