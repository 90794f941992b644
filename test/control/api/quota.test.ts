import { describe, expect, it } from 'vitest'

import { startApi, ZONE_ID, type ApiServer } from '#test/api-server.ts'

const PATH = `/client/v4/zones/${ZONE_ID}/custom_hostnames`

describe('the quota', () => {
  it('warns from the allocation on and refuses at the hard cap', async () => {
    await using small = await startApi({ settings: { quota: { allocated: 1, hardCap: 2 } } })
    const add = (hostname: string): ReturnType<ApiServer['fetch']> =>
      small.fetch(PATH, { method: 'POST', body: { hostname } })
    expect((await add('one.tenant.com')).json.messages).toEqual([])
    expect((await add('two.tenant.com')).json.messages).toEqual([expect.stringContaining('1')])
    const third = await add('three.tenant.com')
    expect([third.status, third.json.errors[0].code]).toEqual([403, 1405])
    const { json } = await small.fetch(`${PATH}/quota`)
    expect(json.result).toEqual({ allocated: 1, used: 2, exceeded: true, hard_cap: 2 })
  })

  it('of nothing refuses at once', async () => {
    await using none = await startApi({ settings: { quota: { allocated: 0, hardCap: 0 } } })
    const body = { hostname: 'one.tenant.com' }
    const { status, json } = await none.fetch(PATH, { method: 'POST', body })
    expect([status, json.errors[0].code]).toEqual([403, 1404])
  })

  it('does not count what is deleted, until an edit revives it', async () => {
    await using small = await startApi({ settings: { quota: { allocated: 1, hardCap: 1 } } })
    const add = (hostname: string): ReturnType<ApiServer['fetch']> =>
      small.fetch(PATH, { method: 'POST', body: { hostname } })
    const used = async (): Promise<number> => (await small.fetch(`${PATH}/quota`)).json.result.used
    const first = (await add('one.tenant.com')).json.result
    const ownership = { state: 'deleted', since: 1, errors: [] } as const
    await small.store.hostnames.update(first.id, (record) => ({ record: { ...record, ownership } }))
    expect(await used()).toBe(0)
    const revive = (): ReturnType<ApiServer['fetch']> =>
      small.fetch(`${PATH}/${first.id}`, { method: 'PATCH', body: {} })
    const second = await add('two.tenant.com')
    expect(second.status).toBe(201)
    const refused = await revive()
    expect([refused.status, refused.json.errors[0].code]).toEqual([403, 1405])
    await small.store.hostnames.remove(second.json.result.id)
    expect((await revive()).json.result.status).toBe('pending')
    expect(await used()).toBe(1)
  })
})
