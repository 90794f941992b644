import { stripVTControlCharacters } from 'node:util'

import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { advance } from '#domain/advance-issuance.ts'
import { advanceOwnership } from '#domain/ownership.ts'
import { API_TOKEN, startApi, ZONE_ID, type ApiServer } from '#test/api-server.ts'
import { aZone } from '#test/records.ts'
import { runCustosCli, type CliRun, type CliSetting } from '#test/run-custos-cli.ts'
import { waitUntil } from '#test/wait.ts'

let api: ApiServer
beforeEach(async () => {
  api = await startApi()
})
afterEach(() => api[Symbol.asyncDispose]())

const custos = (line: string, setting: CliSetting = {}): Promise<CliRun> =>
  runCustosCli([...line.split(' '), '--url', api.url], {
    ...setting,
    env: { CUSTOS_API_TOKEN: API_TOKEN, ...setting.env },
  })

async function activate(name: string): Promise<void> {
  const [{ id } = { id: '' }] = (
    await api.client.customHostnames.list({ zone_id: ZONE_ID, hostname: { exact: name } })
  ).result
  await api.store.hostnames.update(id, (record) => {
    const now = record.createdAt
    const { serial } = record.deployment
    const proved = { type: 'proved', by: 'cname', serial } as const
    const events = [
      { type: 'authorized', certificateId: 'c', sealedKey: '' },
      { type: 'signed', certificateId: 'c', serial, renewAt: now + 1e9 },
      { type: 'deployed' },
    ] as const
    const chains = record.chains.map((chain) => {
      const [first] = record.chains
      const opened = first && 'order' in first.issuance ? first.issuance : undefined
      const issuance = events.reduce(
        (state, event) => advance(state, event, now),
        opened ?? chain.issuance,
      )
      return { ...chain, issuance }
    })
    const ownership = advanceOwnership(record.ownership, proved, now)
    const deployment = { ...record.deployment, appliedSerial: serial }
    return { record: { ...record, ownership, chains, deployment } }
  })
}

describe('custos hostnames add', () => {
  it('creates the hostname and says what its owner has to do', async () => {
    const { code, stdout, stderr } = await custos('hostnames add App.Customer.com')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^app\.customer\.com\n {2}id {11}[0-9a-f-]{36}\n/)
    expect(stdout).toContain('  status       pending\n  certificate  pending_validation (http)\n')
    expect(stdout).toContain('  origin       the fallback origin\n')
    expect(stdout).toContain('TXT _cf-custom-hostname.app.customer.com = ')
    expect(stdout).toContain('HTTP http://app.customer.com/.well-known/acme-challenge/')
    expect(api.begun).toHaveLength(1)
  })

  it('sends everything that the options say', async () => {
    const { stdout } = await custos(
      'hostnames add a.customer.com --json --origin o.saas.com:8443 --origin-sni x.saas.com ' +
        '--min-tls 1.3 --metadata {"tenant":42}',
    )
    expect(JSON.parse(stdout)).toMatchObject({
      hostname: 'a.customer.com',
      custom_origin_server: 'o.saas.com:8443',
      custom_origin_sni: 'x.saas.com',
      custom_metadata: { tenant: 42 },
      ssl: { method: 'http', settings: { min_tls_version: '1.3' } },
    })
  })

  it('asks for a wildcard, which is proved by DNS, of the CA that was chosen', async () => {
    const { stdout } = await custos('hostnames add a.customer.com --json --wildcard --ca google')
    expect(JSON.parse(stdout)).toMatchObject({
      ssl: { method: 'txt', wildcard: true, certificate_authority: 'google' },
    })
    const refused = await custos('hostnames add b.customer.com --wildcard --method http')
    expect(refused.stderr).toMatch(/a wildcard is proved by DNS alone.*\(1448\)/)
  })

  it('creates one without a certificate on demand', async () => {
    const { stdout } = await custos('hostnames add a.customer.com --no-ssl')
    expect(stdout).toContain('  certificate  none wanted\n')
  })

  it('tells the API’s reason in one line, with its code', async () => {
    await custos('hostnames add a.customer.com')
    expect(await custos('hostnames add a.customer.com')).toEqual({
      code: 1,
      stdout: '',
      stderr: 'custos: Duplicate custom hostname found. (1406)\n',
    })
    const bad = await custos('hostnames add münchen.de')
    expect(bad.code).toBe(1)
    expect(bad.stderr).toMatch(/^custos: .*non-ASCII.*\(1408\)\n$/)
  })

  it('waits until it is active, telling each change once', async () => {
    const done = custos('hostnames add a.customer.com --wait')
    await waitUntil('it was created', () => api.begun.length > 0)
    await activate('a.customer.com')
    const { code, stdout, stderr } = await done
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringMatching(/active/) })
    expect(stdout).toContain('  status       active\n  certificate  active (http)\n')
    const states = stderr.trim().split('\n')
    expect(states.at(-1)).toMatch(/^\[\d+ s\] active, certificate active$/)
    expect(new Set(states).size).toBe(states.length)
  })

  it('gives up waiting in time, says what is missing, and that it goes on', async () => {
    const { code, stderr } = await custos('hostnames add a.customer.com --wait --timeout 1s')
    expect(code).toBe(6)
    expect(stderr).toMatch(
      /custos: a\.customer\.com is not there yet after 1s: pending, certificate pending_validation \(it goes on by itself; see: custos hostnames show a\.customer\.com\)\n$/,
    )
  })
})

describe('custos hostnames list', () => {
  it('says so when there are none', async () => {
    expect(await custos('hostnames list')).toEqual({
      code: 0,
      stdout: `No custom hostnames in zone ${aZone().name}\n`,
      stderr: '',
    })
  })

  it('aligns columns, whole values for programs', async () => {
    const long = `${'long-'.repeat(9)}name.customer.com`
    await custos(`hostnames add ${long}`)
    await custos('hostnames add b.customer.com --no-ssl')
    const { stdout } = await custos('hostnames list')
    const lines = stdout.trimEnd().split('\n')
    expect(lines).toHaveLength(3)
    expect(lines[0]).toMatch(/^HOSTNAME +STATUS +CERTIFICATE +EXPIRES$/)
    expect(lines.find((line) => line.startsWith(long))).toMatch(/ {2}pending {2}pending_validation/)
    expect(lines.find((line) => line.startsWith('b.'))).toMatch(/ pending {2}- +-$/)
  })

  it('fits a terminal of 80 columns, in colour', async () => {
    await custos(`hostnames add ${'long-'.repeat(9)}name.customer.com`)
    const { stdout } = await custos('hostnames list', { terminal: 80 })
    expect(stdout).toContain('\u001B[33mpending\u001B[39m')
    const shown = stripVTControlCharacters(stdout).trimEnd().split('\n')
    expect(Math.max(...shown.map((line) => line.length))).toBeLessThanOrEqual(80)
    expect(shown[1]).toContain('…')
  })

  it('leaves colours away for NO_COLOR', async () => {
    await custos('hostnames add a.customer.com')
    const { stdout } = await custos('hostnames list', { terminal: 80, env: { NO_COLOR: '1' } })
    expect(stdout).not.toContain('\u001B')
  })

  it('filters, limits, and says how many there are', async () => {
    for (const name of ['shop', 'blog', 'shop2', 'shop3', 'shop4', 'shop5', 'shop6']) {
      await custos(`hostnames add ${name}.customer.com --no-ssl`)
    }
    const shops = await custos('hostnames list --contains shop --limit 2 --json')
    expect(JSON.parse(shops.stdout)).toHaveLength(2)
    expect(shops.stderr).toBe('2 of 6: --limit shows more\n')
    const active = await custos('hostnames list --status active --json')
    expect(JSON.parse(active.stdout)).toEqual([])
    const wrong = await custos('hostnames list --status fine')
    expect(wrong.code).toBe(1)
    expect(wrong.stderr).toMatch(/^custos: .*hostname_status/)
  })
})

describe('custos hostnames show', () => {
  it('finds by name, in any case, and by id', async () => {
    const { stdout } = await custos('hostnames add a.customer.com --json')
    const created: unknown = JSON.parse(stdout)
    for (const said of ['a.customer.com', 'A.Customer.COM.', JSON.parse(stdout).id]) {
      const shown = await custos(`hostnames show ${said} --json --zone ${aZone().name}`)
      expect(JSON.parse(shown.stdout)).toEqual(created)
    }
  })

  it('offers no proof of what is blocked: none would help', async () => {
    const id: string = JSON.parse((await custos('hostnames add a.customer.com --json')).stdout).id
    expect((await custos('hostnames show a.customer.com')).stdout).toContain('Proves that')
    const reason = 'Held by the operator.'
    await api.store.hostnames.update(id, (record) => ({
      record: { ...record, ownership: { state: 'blocked', since: record.createdAt, reason } },
    }))
    const { stdout } = await custos('hostnames show a.customer.com')
    expect(stdout).toContain(`Still missing\n  - ${reason}\n`)
    expect(stdout).not.toContain('Proves that')
  })

  it('ends with 3 where there is none', async () => {
    expect(await custos('hostnames show a.customer.com')).toMatchObject({
      code: 3,
      stderr: `custos: No custom hostname a.customer.com in zone ${aZone().name}\n`,
    })
    const id = '00000000-0000-4000-8000-000000000000'
    expect(await custos(`hostnames show ${id}`)).toMatchObject({
      code: 3,
      stderr: 'custos: The custom hostname was not found. (1436)\n',
    })
  })
})

describe('custos hostnames events', () => {
  it('lists what happened, the newest first', async () => {
    await custos('hostnames add a.customer.com')
    await custos('hostnames remove a.customer.com')
    const { code, stdout, stderr } = await custos('hostnames events a.customer.com')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const lines = stdout.trimEnd().split('\n')
    expect(lines).toHaveLength(4)
    expect(lines[0]).toMatch(/^WHEN +EVENT +BY +WHAT$/)
    expect(lines[1]).toMatch(
      /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC {2}hostname\.removal_requested {2}bootstrap token {2}Asked to delete the hostname\.$/,
    )
    expect(lines[3]).toMatch(
      / {2}hostname\.created +bootstrap token {2}a\.customer\.com was created\.$/,
    )
  })

  it('filters, limits, and gives programs all that the API says', async () => {
    await custos('hostnames add a.customer.com')
    const { stdout, stderr } = await custos('hostnames events a.customer.com --limit 1 --json')
    expect(JSON.parse(stdout)).toMatchObject([
      { id: 2, kind: 'certificate.ordered', details: { key_algorithm: 'ecdsa' } },
    ])
    expect(stderr).toBe('1 of 2: --limit shows more\n')
    const created = await custos('hostnames events a.customer.com --kind hostname.created --json')
    expect(JSON.parse(created.stdout)).toMatchObject([{ id: 1 }])
    expect(await custos('hostnames events a.customer.com --kind hostname.edited')).toMatchObject({
      code: 0,
      stdout: 'No events\n',
    })
    const wrong = await custos('hostnames events a.customer.com --kind fine')
    expect(wrong).toMatchObject({ code: 1, stderr: expect.stringMatching(/^custos: .*kind/) })
  })

  it('fits a terminal, in colour', async () => {
    await custos('hostnames add a.customer.com')
    await activate('a.customer.com')
    const { stdout } = await custos('hostnames events a.customer.com', { terminal: 100 })
    expect(stdout).toContain('\u001B[32mownership.verified\u001B[39m')
    const shown = stripVTControlCharacters(stdout).trimEnd().split('\n')
    expect(Math.max(...shown.map((line) => line.length))).toBeLessThanOrEqual(100)
  })

  it('ends with 3 where there is no such hostname', async () => {
    expect(await custos('hostnames events a.customer.com')).toMatchObject({ code: 3 })
  })
})

describe('custos hostnames refresh', () => {
  it('asks the API to validate now', async () => {
    await custos('hostnames add a.customer.com')
    const { code, stdout } = await custos('hostnames refresh a.customer.com')
    expect(code).toBe(0)
    expect(stdout).toMatch(/^a\.customer\.com\n/)
    expect(api.begun).toHaveLength(2)
  })
})

describe('custos hostnames remove', () => {
  it('removes, and waits until it is gone on demand', async () => {
    const { stdout } = await custos('hostnames add a.customer.com --json')
    const { id } = JSON.parse(stdout)
    const removing = custos('hostnames remove a.customer.com --wait')
    await waitUntil('it was asked for', async () =>
      Boolean((await api.store.hostnames.find(id))?.removal),
    )
    await api.store.hostnames.remove(id)
    expect(await removing).toEqual({
      code: 0,
      stdout: 'a.customer.com is removed\n',
      stderr: '',
    })
  })

  it('gives JSON to programs', async () => {
    const added = await custos('hostnames add a.customer.com --json')
    const { id } = JSON.parse(added.stdout)
    const removed = await custos('hostnames remove a.customer.com --json')
    expect(JSON.parse(removed.stdout)).toEqual({ id })
  })
})

describe('the token', () => {
  it('ends with 4 where it is wrong, and tells where it came from', async () => {
    const env = { CUSTOS_API_TOKEN: 'wrong' }
    expect(await custos('hostnames list', { env })).toEqual({
      code: 4,
      stdout: '',
      stderr: 'custos: Invalid access token (9109) (the token came from CUSTOS_API_TOKEN)\n',
    })
  })
})

describe('the zone', () => {
  it('must be said where there are several', async () => {
    const other = { ...aZone(), id: 'f'.repeat(32), name: 'other.com' }
    await api.store.zones.create(other)
    const { code, stderr } = await custos('hostnames list')
    expect(code).toBe(2)
    expect(stderr).toMatch(/^custos: Which zone\? There are several: .*other\.com.* \(say --zone\)/)
    for (const said of [other.id, 'other.com', 'OTHER.com']) {
      const { stdout } = await custos(`hostnames list --zone ${said}`)
      expect(stdout).toBe('No custom hostnames in zone other.com\n')
    }
  })

  it('ends with 3 where it is unknown', async () => {
    expect(await custos('hostnames list --zone nowhere')).toMatchObject({
      code: 3,
      stderr: 'custos: No zone nowhere\n',
    })
    expect((await custos(`hostnames list --zone ${'0'.repeat(32)}`)).code).toBe(3)
  })
})
