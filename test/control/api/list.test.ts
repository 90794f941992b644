import type Cloudflare from 'cloudflare'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import type { CustomHostname } from '#domain/custom-hostname.ts'
import { parseHostname } from '#domain/hostname.ts'
import type { Store } from '#store/store.ts'
import { startApi, ZONE_ID, type ApiServer } from '#test/api-server.ts'
import { aCertificate, aHostname, anActiveHostname, aZone, NOON } from '#test/records.ts'

const PATH = `/client/v4/zones/${ZONE_ID}/custom_hostnames`
const zone = { zone_id: ZONE_ID }
type ListParams = Cloudflare.CustomHostnames.CustomHostnameListParams

/** 17 hostnames: app0 … app16.shop.com, of which some stand out. */
let api: ApiServer
const records: CustomHostname[] = []

beforeAll(async () => {
  api = await startApi()
  for (let at = 0; at < 17; at++) records.push(await store(at))
})
afterAll(async () => {
  await api[Symbol.asyncDispose]()
})

async function store(at: number): Promise<CustomHostname> {
  const hostname = parseHostname(`app${at}.shop.com`)
  const created = aHostname({ hostname, createdAt: NOON + at })
  const special: Record<number, Partial<CustomHostname>> = {
    3: { ssl: undefined, chains: [] },
    4: { customOriginServer: 'special.saas.com' },
    5: { ssl: created.ssl && { ...created.ssl, certificateAuthority: 'google' } },
    6: anActiveHostname({ id: created.id, hostname, createdAt: created.createdAt }),
    7: { hostname: parseHostname('my_shop.other.net') },
  }
  const record = { ...created, ...special[at] }
  await api.store.hostnames.create(record)
  return record
}

async function names(query: Omit<ListParams, 'zone_id'>): Promise<string[]> {
  const { result } = await api.client.customHostnames.list({ ...zone, per_page: 50, ...query })
  return result.map(({ hostname }) => hostname)
}

describe('paging', () => {
  it('lets the SDK page through all, in order of creation, and stop by itself', async () => {
    const seen: string[] = []
    for await (const each of api.client.customHostnames.list({ ...zone, per_page: 5 })) {
      seen.push(each.id)
    }
    expect(seen).toEqual(records.map(({ id }) => id))
  })

  it('describes each page', async () => {
    const { json } = await api.fetch(`${PATH}?page=2&per_page=7`)
    expect(json).toMatchObject({ success: true, errors: [], messages: [] })
    expect(json.result).toHaveLength(7)
    expect(json.result_info).toEqual({
      page: 2,
      per_page: 7,
      count: 7,
      total_count: 17,
      total_pages: 3,
    })
  })

  it('answers 200 with an empty page past the end', async () => {
    const { status, json } = await api.fetch(`${PATH}?page=1000000000&per_page=1000`)
    expect(status).toBe(200)
    expect(json.result).toEqual([])
    expect(json.result_info).toMatchObject({ count: 0, total_count: 17, total_pages: 1 })
  })

  it('has 20 items a page unless asked otherwise', async () => {
    expect((await api.fetch(PATH)).json.result_info).toMatchObject({ page: 1, per_page: 20 })
  })

  it.each([
    'per_page=4',
    'per_page=1001',
    'per_page=x',
    'per_page=5.5',
    'page=0',
    'page=-1',
    'page=',
    'page=1000000001',
    'page=1&page=2',
    'order=hostname',
    'direction=up',
    'ssl=2',
    'wildcard=yes',
    'ssl_status=nearly',
    'hostname_status=nearly',
    'certificate_authority=digicert',
  ])('refuses ?%s and names the parameter', async (query) => {
    const { status, json } = await api.fetch(`${PATH}?${query}`)
    expect(status).toBe(400)
    expect(json.errors[0].code).toBe(10400)
    expect(json.errors[0].message).toContain(query.split('=')[0])
  })

  it('says which rule a filter breaks that is too long', async () => {
    const { json } = await api.fetch(`${PATH}?custom_origin_server=${'x'.repeat(301)}`)
    expect(json.errors[0].message).toContain('must have at most 300 characters')
  })

  it('orders by ssl_status both ways', async () => {
    const ascending = await names({ order: 'ssl_status', direction: 'asc' })
    const descending = await names({ order: 'ssl_status', direction: 'desc' })
    expect(descending).toEqual(ascending.toReversed())
  })

  it('orders the newest first when asked', async () => {
    expect((await names({ direction: 'desc' }))[0]).toBe('app16.shop.com')
  })
})

describe('filters', () => {
  it.each([
    ['hostname', 'app1.shop.com', ['app1.shop.com']],
    ['hostname', 'APP1.shop.com.', ['app1.shop.com']],
    ['hostname.exact', 'app2.shop.com', ['app2.shop.com']],
    ['hostname.exact', 'app', []],
    ['hostname.startsWith', 'APP16', ['app16.shop.com']],
    ['hostname.contain', 'p12.SHOP', ['app12.shop.com']],
    ['hostname.contain', '_', ['my_shop.other.net']],
    ['custom_origin_server', 'special.saas.com', ['app4.shop.com']],
    ['certificate_authority', 'google', ['app5.shop.com']],
    ['certificate_authority', 'ssl_com', []],
    ['ssl_status', 'active', ['app6.shop.com']],
    ['ssl_status', 'backup_issued', []],
    ['hostname_status', 'active', ['app6.shop.com']],
    ['hostname_status', 'test_failed', []],
    ['wildcard', 'true', []],
  ])('%s=%s finds %j', async (key, value, expected) => {
    const { status, json } = await api.fetch(`${PATH}?${new URLSearchParams({ [key]: value })}`)
    expect(status).toBe(200)
    expect(json.result.map((each: { hostname: string }) => each.hostname)).toEqual(expected)
    expect(json.result_info.total_count).toBe(expected.length)
  })

  it('finds by id', async () => {
    expect(await names({ id: records[9]?.id ?? '' })).toEqual(['app9.shop.com'])
  })

  it('ssl=1 finds those with a certificate, ssl=0 all', async () => {
    expect(await names({ ssl: 1 })).not.toContain('app3.shop.com')
    expect(await names({ ssl: 1 })).toHaveLength(16)
    expect(await names({ ssl: 0 })).toHaveLength(17)
  })

  it('combines filters and takes every spelling of the SDK', async () => {
    const both = { hostname: { contain: 'shop' }, custom_origin_server: 'special.saas.com' }
    expect(await names(both)).toEqual(['app4.shop.com'])
    expect(await names({ hostname: { exact: 'app8.shop.com' } })).toEqual(['app8.shop.com'])
    expect(await names({ hostname: { startsWith: 'my' } })).toEqual(['my_shop.other.net'])
    expect(await names({ wildcard: false, ssl_status: 'active' })).toEqual(['app6.shop.com'])
  })

  it('does not show what is in another zone', async () => {
    const other = aZone({ id: 'e'.repeat(32), name: 'elsewhere.com' })
    await api.store.zones.create(other)
    await api.store.hostnames.create(aHostname({ zoneId: other.id }))
    expect((await api.fetch(PATH)).json.result_info.total_count).toBe(17)
  })

  it.each([
    ['hostname=a.com&hostname.exact=a.com', 1437],
    ['hostname.contain=a&hostname.startsWith=a', 1437],
    ['hostname.contain=', 1437],
    ['hostname.contain=a%20b', 1437],
    ['hostname.contain=%25', 1437],
    [`hostname.contain=${'a'.repeat(256)}`, 1437],
    ['hostname=a&hostname=b', 1437],
    ['id=short', 1435],
    ['id=3f1c4a52-1b7e-4a51-9a53-0d6a2f0f0f0f&hostname=a.com', 1438],
    ['id=3f1c4a52-1b7e-4a51-9a53-0d6a2f0f0f0f&hostname.contain=a', 1438],
    ['id=3f1c4a52-1b7e-4a51-9a53-0d6a2f0f0f0f&ssl_status=active', 1438],
  ])('refuses ?%s with %i', async (query, code) => {
    const { status, json } = await api.fetch(`${PATH}?${query}`)
    expect(status).toBe(400)
    expect(json).toMatchObject({ success: false, result: null, errors: [{ code }] })
  })
})

describe('a long page', () => {
  it('of a thousand active hostnames costs one read of hostnames and one of certificates', async () => {
    const reads: string[] = []
    const page = Array.from({ length: 1000 }, () => anActiveHostname())
    const certificates = page.flatMap((record) => [
      aCertificate(record, 'ecdsa'),
      aCertificate(record, 'rsa'),
    ])
    await using server = await startApi({
      deps: { store: countingStore(page, certificates, reads) },
    })
    const { json } = await server.fetch(`${PATH}?per_page=1000`)
    expect(json.result).toHaveLength(1000)
    expect(json.result[999].ssl.certificates).toHaveLength(2)
    expect(reads).toEqual(['zones.find', 'hostnames.list', 'certificates.listByHostnames'])
  })
})

/** Answers the reads of a list and writes down which were made. */
function countingStore(
  page: CustomHostname[],
  certificates: ReturnType<typeof aCertificate>[],
  reads: string[],
): Store {
  const read = <Value>(name: string, value: Value): (() => Promise<Value>) => {
    return async () => {
      reads.push(name)
      return value
    }
  }
  const others: Omit<Store, 'zones' | 'hostnames' | 'certificates'> = api.store
  return Object.assign(Object.create(others), {
    zones: { find: read('zones.find', aZone()) },
    hostnames: { list: read('hostnames.list', { items: page, total: page.length }) },
    certificates: { listByHostnames: read('certificates.listByHostnames', certificates) },
  })
}
