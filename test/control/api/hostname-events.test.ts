import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { systemClock } from '#lib/clock.ts'
import { API_TOKEN, startApi, ZONE_ID, type ApiServer } from '#test/api-server.ts'
import { anEventOf, aZone, NOON } from '#test/records.ts'

const PATH = `/client/v4/zones/${ZONE_ID}/custom_hostnames`

let api: ApiServer
beforeAll(async () => {
  api = await startApi()
})
afterAll(async () => {
  await api[Symbol.asyncDispose]()
})

let counted = 0

/** Creates a hostname over the API. @returns its path */
async function create(server = api): Promise<{ id: string; path: string }> {
  const hostname = `app${++counted}.customer.com`
  const ssl = { method: 'http', type: 'dv' }
  const { json } = await server.fetch(PATH, { method: 'POST', body: { hostname, ssl } })
  return { id: json.result.id, path: `${PATH}/${json.result.id}` }
}

describe('the events of a hostname', () => {
  it('say what was done, when and by whom, the newest first', async () => {
    const { path } = await create()
    const body = { custom_metadata: { a: 1 }, custom_origin_server: 'o.saas.com' }
    await api.fetch(path, { method: 'PATCH', body })
    await api.fetch(path, { method: 'DELETE' })
    const { status, json } = await api.fetch(`${path}/events`)
    expect(status).toBe(200)
    expect(json).toMatchObject({ success: true, errors: [], messages: [] })
    const at = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
    const by = 'bootstrap token'
    expect(json.result).toEqual([
      {
        id: 4,
        kind: 'hostname.removal_requested',
        at,
        by,
        message: 'Asked to delete the hostname.',
        details: {},
      },
      {
        id: 3,
        kind: 'hostname.edited',
        at,
        by,
        message: 'Changed: custom_metadata, custom_origin_server.',
        details: { fields: ['custom_metadata', 'custom_origin_server'] },
      },
      {
        id: 2,
        kind: 'certificate.ordered',
        at,
        by: 'system',
        message: 'A new ECDSA certificate was ordered from local.',
        details: { key_algorithm: 'ecdsa', ca: 'local', is_renewal: false },
      },
      {
        id: 1,
        kind: 'hostname.created',
        at,
        by,
        message: `app${counted}.customer.com was created.`,
        details: { hostname: `app${counted}.customer.com` },
      },
    ])
  })

  it('name the token that asked, whichever it was', async () => {
    const authenticate = (token: string) => ({ id: token, name: `token of ${token}` })
    await using named = await startApi({ deps: { authenticate } })
    const { path } = await create(named)
    const headers = { authorization: 'Bearer carol' }
    await named.fetch(path, { method: 'DELETE', headers })
    const { json } = await named.fetch(`${path}/events`)
    expect(json.result[0]).toMatchObject({ by: 'token of carol' })
    expect(json.result.at(-1)).toMatchObject({ by: `token of ${API_TOKEN}` })
  })

  it('have instants as the API writes them', async () => {
    const { id, path } = await create()
    await api.store.timeline.append([{ ...anEventOf('certificate.failed'), hostnameId: id }])
    const { json } = await api.fetch(`${path}/events?kind=certificate.failed`)
    expect(json.result).toHaveLength(1)
    expect(json.result[0]).toMatchObject({
      at: new Date(NOON).toISOString(),
      details: {
        key_algorithm: 'ecdsa',
        problem: 'No answer.',
        retry_at: '2026-11-24T00:00:00.000Z',
      },
    })
  })

  it('are paged, and filtered by kind', async () => {
    const { id, path } = await create()
    const event = { ...anEventOf('challenge.fetched'), at: systemClock.now() + 60_000 }
    await api.store.timeline.append(
      Array.from({ length: 12 }, () => ({ ...event, hostnameId: id })),
    )
    const second = await api.fetch(`${path}/events?page=2&per_page=5`)
    expect(second.json.result.map((each: { id: number }) => each.id)).toEqual([9, 8, 7, 6, 5])
    expect(second.json.result_info).toEqual({
      page: 2,
      per_page: 5,
      count: 5,
      total_count: 14,
      total_pages: 3,
    })
    const filtered = await api.fetch(`${path}/events?kind=challenge.fetched&per_page=5`)
    expect(filtered.json.result_info).toMatchObject({ count: 5, total_count: 12 })
    const none = await api.fetch(`${path}/events?kind=hostname.edited`)
    expect(none.json).toMatchObject({ result: [], result_info: { total_count: 0 } })
  })

  it('are not found where there is no such zone or hostname, nor those of another zone', async () => {
    const { id } = await create()
    const nobody = '00000000-0000-4000-8000-000000000000'
    const other = aZone({ id: 'b'.repeat(32), name: 'other.com' })
    await api.store.zones.create(other)
    const get = (zone: string, hostname: string) =>
      api.fetch(`/client/v4/zones/${zone}/custom_hostnames/${hostname}/events`)
    expect(await get(ZONE_ID, nobody)).toMatchObject({
      status: 404,
      json: { errors: [{ code: 1436 }] },
    })
    expect(await get(other.id, id)).toMatchObject({
      status: 404,
      json: { errors: [{ code: 1436 }] },
    })
    expect((await get('c'.repeat(32), id)).status).toBe(404)
    expect(await get(ZONE_ID, 'x')).toMatchObject({
      status: 400,
      json: { errors: [{ code: 1435 }] },
    })
  })

  it.each([
    'kind=hostname',
    'kind=certificate.failed&kind=hostname.edited',
    'page=0',
    'per_page=4',
  ])('are refused for %s', async (query) => {
    const { path } = await create()
    const { status, json } = await api.fetch(`${path}/events?${query}`)
    expect(status).toBe(400)
    expect(json.errors[0].message).toContain(query.split('=')[0])
  })

  it('are read only, with a token', async () => {
    const { path } = await create()
    const post = await api.fetch(`${path}/events`, { method: 'POST', body: {} })
    expect(post.status).toBe(405)
    const headers = { authorization: 'Bearer wrong' }
    expect((await api.fetch(`${path}/events`, { headers })).status).toBe(403)
  })
})
