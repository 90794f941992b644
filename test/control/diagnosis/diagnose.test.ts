import { describe, expect, it } from 'vitest'

import { createDiagnose, type Diagnose } from '#control/diagnosis/diagnose.ts'
import type { AuthoritativeResolver } from '#control/dns/resolver.ts'
import { startApi, ZONE_ID } from '#test/api-server.ts'
import { fakeAuthority } from '#test/fake-authority.ts'
import { fakeClock, type FakeClock } from '#test/fake-clock.ts'
import { aHostname, aZone } from '#test/records.ts'

const untilAborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })

interface Started {
  diagnose: Diagnose
  clock: FakeClock
  /** Names whose addresses were asked for. */
  asked: string[]
}

function start(
  change: Partial<AuthoritativeResolver> = {},
  { maxRunning = 16 }: { maxRunning?: number } = {},
): Started {
  const clock = fakeClock()
  const asked: string[] = []
  const authority = fakeAuthority()
  const resolver: AuthoritativeResolver = {
    ...authority,
    async resolveAddresses(name, signal) {
      asked.push(name)
      return (change.resolveAddresses ?? authority.resolveAddresses)(name, signal)
    },
  }
  const diagnose = createDiagnose({
    resolver: { ...change, ...resolver },
    fetchWellKnown: async () => ({ outcome: 'failed', kind: 'refused', problem: 'Refused.' }),
    inspector: {
      inspectChallenge: async () => ({ isReady: true }),
      inspectPermission: async () => ({ isPermitted: true }),
    },
    listCas: async () => [],
    clock,
    edgePrefixes: [],
    defaultCnameTarget: 'customers.saas.com',
    dcvZone: undefined,
    maxRunning,
  })
  return { diagnose, clock, asked }
}

const forever: Partial<AuthoritativeResolver> = {
  resolveAddresses: (_, signal) => untilAborted(signal),
}

describe('a diagnosis on demand', () => {
  it('is shared by those who ask at once, and within five seconds', async () => {
    const { diagnose, clock, asked } = start()
    const record = aHostname()
    const looks = (): number => asked.filter((name) => name === record.hostname).length
    const [first, second] = await Promise.all([
      diagnose(record, aZone()),
      diagnose(record, aZone()),
    ])
    expect(second).toBe(first)
    const each = looks()
    await clock.advance(4_999)
    expect(await diagnose(record, aZone())).toBe(first)
    expect(looks()).toBe(each)
    await clock.advance(1)
    expect(await diagnose(record, aZone())).not.toBe(first)
    expect(looks()).toBe(2 * each)
  })

  it('ends after eight seconds with what was seen by then, whatever hangs', async () => {
    const { diagnose, clock } = start(forever)
    const record = aHostname()
    const diagnosing = diagnose(record, aZone())
    await clock.advance(8_000)
    const diagnosis = await diagnosing
    const [dns] = diagnosis?.checks ?? []
    expect(dns).toMatchObject({
      status: 'unknown',
      sentence: `${record.hostname} could not be looked up in time.`,
    })
    expect(diagnosis?.checks.map(({ name }) => name)).toContain('certificate')
    expect(clock.nextDue()).toBeUndefined()
  })

  it('is refused while too many hostnames are under way, but not to who can share one', async () => {
    const { diagnose, clock } = start(forever, { maxRunning: 1 })
    const record = aHostname()
    const first = diagnose(record, aZone())
    expect(await diagnose(aHostname(), aZone())).toBeUndefined()
    const sharing = diagnose(record, aZone())
    await clock.advance(8_000)
    expect(await sharing).toBe(await first)
    const later = diagnose(aHostname(), aZone())
    await clock.advance(8_000)
    expect(await later).toBeDefined()
  })
})

describe('GET …/diagnosis', () => {
  it('shows the diagnosis in the envelope', async () => {
    const { diagnose } = start()
    await using api = await startApi({ deps: { diagnose } })
    const created = await api.client.customHostnames.create({
      zone_id: ZONE_ID,
      hostname: 'app.customer.com',
    })
    const path = `/client/v4/zones/${ZONE_ID}/custom_hostnames/${created.id}/diagnosis`
    const { status, json } = await api.fetch(path)
    expect(status).toBe(200)
    expect(json).toMatchObject({
      success: true,
      result: {
        hostname: 'app.customer.com',
        checked_at: '2026-11-23T00:00:00.000Z',
        status: 'wrong',
        summary:
          'app.customer.com does not exist in DNS: add app.customer.com CNAME customers.saas.com.',
      },
    })
    expect(json.result.checks[0]).toEqual({
      name: 'dns',
      status: 'wrong',
      expected: 'app.customer.com CNAME customers.saas.com',
      seen: [],
      sentence:
        'app.customer.com does not exist in DNS: add app.customer.com CNAME customers.saas.com.',
    })
  })

  it('says when to come back while too many are under way', async () => {
    await using api = await startApi({ deps: { diagnose: async () => undefined } })
    const hostname = 'app.customer.com'
    const { id } = await api.client.customHostnames.create({ zone_id: ZONE_ID, hostname })
    const path = `/client/v4/zones/${ZONE_ID}/custom_hostnames/${id}/diagnosis`
    const { status, json, headers } = await api.fetch(path)
    expect({ status, code: json.errors[0].code }).toEqual({ status: 429, code: 10429 })
    expect(headers.get('retry-after')).toBe('2')
  })

  it('knows only hostnames of the zone, and asks for a token', async () => {
    await using api = await startApi()
    const id = '0d89c70d-ad9f-4843-b99f-6cc0252067e9'
    const path = `/client/v4/zones/${ZONE_ID}/custom_hostnames/${id}/diagnosis`
    expect((await api.fetch(path)).status).toBe(404)
    expect((await api.fetch(path, { headers: { authorization: '' } })).status).toBe(401)
  })
})
