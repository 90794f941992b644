import { describe, expect, it } from 'vitest'

import type { Budget, Grant, PlannedOrder } from '#control/ca/budget.ts'
import { UNLIMITED, withOverrides } from '#domain/ca-limits.ts'
import { parseHostname } from '#domain/hostname.ts'
import { NOON } from '#test/records.ts'

import { anOrderOf, DAY, HOUR, LETS_ENCRYPT, openLedgers } from './ledger-side.ts'

/** The same with fewer orders, so that not so many have to be made. */
const FEW_ORDERS = withOverrides(LETS_ENCRYPT, {
  orders_per_account: { count: 30, windowMs: 3 * HOUR },
})
const DOCS = 'https://letsencrypt.org/docs/rate-limits/'

/** Orders one after the other until one is refused. */
async function takeAll(
  ledger: Budget,
  orderOf: (n: number) => PlannedOrder,
): Promise<{ granted: number; refused: Extract<Grant, { granted: false }> }> {
  for (let granted = 0; granted < 1_000; granted++) {
    const grant = await ledger.take(orderOf(granted))
    if (!grant.granted) return { granted, refused: grant }
  }
  throw new Error('never refused')
}

function refusalOf(n: number, problem: string, retryAfterMs?: number) {
  const { ca, hostname, names } = anOrderOf(n)
  return { ca, hostname, names, problem, retryAfterMs }
}

describe('the ledger', () => {
  it('grants what the account has, less what is kept for the more urgent', async () => {
    const { ledger, clock } = await openLedgers(FEW_ORDERS)
    const retries = await takeAll(ledger, (n) => anOrderOf(n, { priority: 'retry' }))
    expect(retries.granted).toBe(15)
    const fresh = await takeAll(ledger, (n) => anOrderOf(1_000 + n))
    // Of these the last are the zones' first, which leave less.
    expect(fresh.granted).toBe(12)
    const expiring = await takeAll(ledger, (n) => anOrderOf(2_000 + n, { priority: 'expiring' }))
    expect(expiring).toEqual({
      granted: 3,
      refused: {
        granted: false,
        until: NOON + 360_000,
        askAgainAt: NOON + 360_000,
        limit: 'orders_per_account',
        sentence:
          "Let's Encrypt's limit of 30 new orders in 3 hours is used up; the next order is possible at 2026-11-23 00:06:00 UTC.",
      },
    })
    await clock.advance(360_000)
    expect(await ledger.take(anOrderOf(5))).toMatchObject({ granted: false })
    const urgent = anOrderOf(6, { priority: 'expiring' })
    expect(await ledger.take(urgent)).toEqual({ granted: true })
  })

  it('counts by registered domain, whatever the hostnames', async () => {
    const { ledger } = await openLedgers(
      withOverrides(FEW_ORDERS, { certificates_per_domain: { count: 10, windowMs: 5 * DAY } }),
    )
    const under = (domain: string) => (n: number) =>
      anOrderOf(n, { hostname: parseHostname(`a${n}.b.${domain}`), priority: 'expiring' })
    const { granted, refused } = await takeAll(ledger, under('customer.co.uk'))
    expect(granted).toBe(10)
    expect(refused).toMatchObject({
      limit: 'certificates_per_domain',
      until: NOON + DAY / 2,
      sentence: expect.stringContaining('limit of 10 certificates under customer.co.uk in 5 days'),
    })
    expect(await ledger.take(under('another.co.uk')(1))).toEqual({ granted: true })
    // Names under a suffix that anybody may register below are domains of their own.
    const pages = await takeAll(ledger, (n) =>
      anOrderOf(n, { hostname: parseHostname(`tenant${n}.github.io`), priority: 'expiring' }),
    )
    expect(pages).toMatchObject({ granted: 19, refused: { limit: 'orders_per_account' } })
  })

  it('counts the same names as one set, in whatever order, and a wildcard with its base once', async () => {
    const { ledger } = await openLedgers()
    const hostname = parseHostname('customer.com')
    const names = [hostname, `*.${hostname}`]
    const { granted, refused } = await takeAll(ledger, (n) =>
      anOrderOf(n, {
        hostname,
        names: n % 2 ? names : names.toReversed(),
        priority: 'expiring',
      }),
    )
    expect(granted).toBe(5)
    expect(refused).toMatchObject({
      limit: 'duplicate_certificates',
      until: NOON + (7 * DAY) / 5,
      askAgainAt: NOON + 6 * HOUR,
    })
    expect(await ledger.take(anOrderOf(1, { hostname }))).toEqual({ granted: true })
  })

  it('spends nothing of any limit where one of them refuses', async () => {
    const { ledger, scrape } = await openLedgers()
    const { granted } = await takeAll(ledger, () => anOrderOf(1))
    expect(granted).toBe(4)
    for (let n = 0; n < 5; n++) await ledger.take(anOrderOf(1))
    expect(await scrape()).toContain('remaining{ca="le",limit="orders_per_account"} 296\n')
  })

  it('lets renewals past what the CA exempts them from', async () => {
    const { ledger } = await openLedgers(FEW_ORDERS)
    await takeAll(ledger, (n) => anOrderOf(n, { priority: 'expiring' }))
    const plain = await takeAll(ledger, () => anOrderOf(9_999, { exemption: 'renewal' }))
    expect(plain).toMatchObject({ granted: 4, refused: { limit: 'duplicate_certificates' } })
    for (let n = 0; n < 20; n++) {
      expect(await ledger.take(anOrderOf(9_999, { exemption: 'ari' }))).toEqual({ granted: true })
    }
    const strict = await openLedgers({ ...LETS_ENCRYPT, exempt: { renewal: [], ari: [] } })
    const same = await takeAll(strict.ledger, () => anOrderOf(1, { exemption: 'ari' }))
    expect(same.refused.limit).toBe('duplicate_certificates')
  })

  it('takes back what was for certificates that were never issued', async () => {
    const { ledger, scrape } = await openLedgers()
    const order = anOrderOf(1, { priority: 'expiring' })
    for (let n = 0; n < 20; n++) {
      expect(await ledger.take(order)).toEqual({ granted: true })
      await ledger.giveBack({ ...order, takenAt: NOON })
    }
    // The order itself was made.
    expect(await scrape()).toContain('remaining{ca="le",limit="orders_per_account"} 280\n')
    // What was not spent does not come back.
    for (let n = 0; n < 5; n++) await ledger.take(order)
    await ledger.giveBack({ ...order, exemption: 'ari', takenAt: NOON })
    expect(await ledger.take(order)).toMatchObject({ limit: 'duplicate_certificates' })
  })

  it('stops validating a name, and ordering for it, that failed too often', async () => {
    const { ledger, clock } = await openLedgers()
    const { ca, hostname } = anOrderOf(1)
    const may = (priority: PlannedOrder['priority']) =>
      ledger.mayValidate({ ca, hostname, priority })
    expect(await may('retry')).toEqual({ granted: true })
    for (let n = 0; n < 2; n++) await ledger.noteFailedValidation({ ca, hostname })
    expect(await may('retry')).toMatchObject({
      granted: false,
      until: NOON + HOUR / 5,
      limit: 'failed_validations',
      sentence: `Let's Encrypt's limit of 5 failed validations of ${hostname} in 1 hour is used up; the next validation is possible at 2026-11-23 00:12:00 UTC.`,
    })
    await ledger.noteFailedValidation({ ca, hostname })
    expect(await may('new')).toEqual({ granted: true })
    for (let n = 0; n < 9; n++) await ledger.noteFailedValidation({ ca, hostname })
    expect(await may('expiring')).toMatchObject({ until: NOON + HOUR / 5 })
    expect(await ledger.take(anOrderOf(1, { priority: 'expiring' }))).toMatchObject({
      limit: 'failed_validations',
    })
    expect(await ledger.take(anOrderOf(2))).toEqual({ granted: true })
    await clock.advance(HOUR / 5)
    expect(await may('expiring')).toEqual({ granted: true })
  })

  it('stops a name that fails one time after the other, until it is proved', async () => {
    const { ledger, other, clock } = await openLedgers(
      withOverrides(LETS_ENCRYPT, { failed_validations: 'unlimited' }),
    )
    const { ca, hostname } = anOrderOf(1)
    const urgent = { ca, hostname, priority: 'expiring' } as const
    for (let n = 0; n < 1_151; n++) await ledger.noteFailedValidation({ ca, hostname })
    expect(await other.mayValidate(urgent)).toEqual({ granted: true })
    await ledger.noteFailedValidation({ ca, hostname })
    expect(await other.mayValidate(urgent)).toMatchObject({
      limit: 'consecutive_failures',
      until: NOON + DAY,
      sentence: `Let's Encrypt's limit of 1152 failed validations of ${hostname} one after the other is used up; the next validation is possible at 2026-11-24 00:00:00 UTC.`,
    })
    expect(await other.take(anOrderOf(1, { priority: 'expiring' }))).toMatchObject({
      limit: 'consecutive_failures',
    })
    expect(await other.take(anOrderOf(2))).toEqual({ granted: true })
    await clock.advance(DAY)
    expect(await other.mayValidate(urgent)).toEqual({ granted: true })
    await ledger.noteValidation({ ca, hostname })
    for (let n = 0; n < 1_151; n++) await ledger.noteFailedValidation({ ca, hostname })
    expect(await other.mayValidate(urgent)).toEqual({ granted: true })
  }, 30_000)

  it('gives back no more than what still lacks of the order that is over', async () => {
    const { ledger, other, clock } = await openLedgers()
    const order = anOrderOf(1, { priority: 'expiring' })
    const takenAt = clock.now()
    await ledger.take(order)
    // By then the bucket is full again: what is spent now, others have.
    await clock.advance((7 * DAY) / 5)
    expect(await takeAll(ledger, () => order)).toMatchObject({ granted: 5 })
    await ledger.giveBack({ ...order, takenAt })
    expect(await ledger.take(order)).toMatchObject({ limit: 'duplicate_certificates' })
    await ledger.giveBack({ ...order, takenAt: clock.now() - (7 * DAY) / 10 })
    expect(await other.take(order)).toMatchObject({
      limit: 'duplicate_certificates',
      until: clock.now() + (7 * DAY) / 10,
    })
  })

  it('gives nothing back that would shorten what the CA asked for', async () => {
    const { ledger, clock } = await openLedgers()
    const order = anOrderOf(1, { priority: 'expiring' })
    await ledger.take(order)
    const problem = `see ${DOCS}#new-certificates-per-exact-set-of-identifiers`
    await ledger.noteLimited(refusalOf(1, problem, 4 * DAY))
    await ledger.giveBack({ ...order, takenAt: clock.now() })
    expect(await ledger.take(order)).toMatchObject({ until: NOON + 4 * DAY })
  })

  it('leaves the last certificate of a name to its renewal, be there ever so few', async () => {
    const { ledger } = await openLedgers({ ...LETS_ENCRYPT, metering: 'window' })
    expect(await takeAll(ledger, () => anOrderOf(1))).toMatchObject({
      granted: 1,
      refused: { limit: 'duplicate_certificates' },
    })
    const renewal = anOrderOf(1, { priority: 'expiring', exemption: 'renewal' })
    expect(await ledger.take(renewal)).toEqual({ granted: true })
  })

  it('has no limit for a CA of one’s own, but waits where it says so', async () => {
    const { ledger, clock } = await openLedgers()
    const all = await Promise.all(
      Array.from({ length: 400 }, () => ledger.take(anOrderOf(1, { ca: 'own' }))),
    )
    expect(all.filter(({ granted }) => granted)).toHaveLength(400)
    await ledger.noteFailedValidation({ ...anOrderOf(1), ca: 'own' })
    await ledger.noteLimited({ ...refusalOf(1, 'busy', 5_000), ca: 'own' })
    expect(await ledger.take(anOrderOf(2, { ca: 'own' }))).toMatchObject({
      granted: false,
      limit: 'retry_after',
      until: NOON + 5_000,
      sentence: 'The CA asks us to wait; the next order is possible at 2026-11-23 00:00:05 UTC.',
    })
    await clock.advance(5_000)
    expect(await ledger.take(anOrderOf(2, { ca: 'own' }))).toEqual({ granted: true })
  })

  it('counts by the operator’s own numbers', async () => {
    const { ledger } = await openLedgers(
      withOverrides(LETS_ENCRYPT, {
        orders_per_account: { count: 10, windowMs: HOUR },
        duplicate_certificates: 'unlimited',
      }),
    )
    const all = await takeAll(ledger, () => anOrderOf(1, { priority: 'expiring' }))
    expect(all).toMatchObject({ granted: 10, refused: { limit: 'orders_per_account' } })
    expect(all.refused.sentence).toContain('limit of 10 new orders in 1 hour')
  })
})

describe('a "too many requests" of the CA', () => {
  it.each([
    ['new-orders-per-account', 'orders_per_account', [1, 2], []],
    ['new-certificates-per-registered-domain', 'certificates_per_domain', [1], [2]],
    ['new-certificates-per-exact-set-of-identifiers', 'duplicate_certificates', [1], [2]],
    ['new-certificates-per-exact-set-of-hostnames', 'duplicate_certificates', [1], [2]],
    ['authorization-failures-per-identifier-per-account', 'failed_validations', [1], [2]],
    [
      'consecutive-authorization-failures-per-identifier-per-account',
      'consecutive_failures',
      [1],
      [2],
    ],
  ] as const)('teaches which limit it was: %s', async (anchor, limit, stopped, free) => {
    const { ledger, other, clock } = await openLedgers()
    const problem = `too many of them, retry after some time: see ${DOCS}#${anchor}`
    await ledger.noteLimited(refusalOf(1, problem, 2 * HOUR))
    const until = NOON + 2 * HOUR
    const grants = []
    for (const n of stopped) grants.push(await other.take(anOrderOf(n, { priority: 'expiring' })))
    expect(grants).toMatchObject(stopped.map(() => ({ granted: false, limit })))
    expect(grants[0]).toMatchObject({ until })
    for (const n of free) expect(await other.take(anOrderOf(n))).toEqual({ granted: true })
    await clock.advance(2 * HOUR)
    expect(await other.take(anOrderOf(1, { priority: 'expiring' }))).toEqual({ granted: true })
  })

  it.each([
    'Service busy; retry later.',
    'too many of them: see https://letsencrypt.org/docs/rate-limits/',
    `see ${DOCS}#constructor`,
    `see https://letsencrypt.org.evil.com/docs/rate-limits/#new-orders-per-account`,
    'x'.repeat(100_000),
  ])('that does not say which stops the CA, renewals too, but not for long', async (problem) => {
    const { ledger, other, clock } = await openLedgers()
    expect(await ledger.noteLimited(refusalOf(1, problem, DAY))).toBe(NOON + DAY)
    // The name itself waits for as long as the CA said.
    expect(await other.take(anOrderOf(1, { priority: 'expiring' }))).toMatchObject({
      limit: 'retry_after',
      until: NOON + DAY,
      sentence: expect.stringContaining('possible at 2026-11-24 00:00:00 UTC'),
    })
    const pause = { granted: false, limit: 'retry_after', until: NOON + 600_000 }
    expect(await other.take(anOrderOf(2, { exemption: 'ari' }))).toMatchObject(pause)
    const { ca, hostname } = anOrderOf(3)
    // The second that waits is let in a little later than the first.
    const later = { ...pause, until: NOON + 601_000 }
    expect(await other.mayValidate({ ca, hostname, priority: 'new' })).toMatchObject(later)
    await clock.advance(600_000)
    expect(await other.take(anOrderOf(2))).toEqual({ granted: true })
  })

  it('without a time stops it for a minute', async () => {
    const { ledger } = await openLedgers()
    await ledger.noteLimited(refusalOf(1, 'busy'))
    expect(await ledger.take(anOrderOf(2))).toMatchObject({ until: NOON + 60_000 })
  })

  it('of a limit that is set to be none stops the CA for a while', async () => {
    const { ledger } = await openLedgers(
      withOverrides(LETS_ENCRYPT, { orders_per_account: 'unlimited' }),
    )
    await ledger.noteLimited(refusalOf(1, `see ${DOCS}#new-orders-per-account`, 5_000))
    expect(await ledger.take(anOrderOf(2))).toMatchObject({
      limit: 'retry_after',
      until: NOON + 5_000,
    })
  })
})

describe('two control processes', () => {
  it('never exceed a limit together', async () => {
    const { ledger, other } = await openLedgers()
    const grants = await Promise.all(
      Array.from({ length: 400 }, (_, n) =>
        (n % 2 ? ledger : other).take(anOrderOf(n, { priority: 'expiring' })),
      ),
    )
    expect(grants.filter(({ granted }) => granted)).toHaveLength(300)
    const duplicates = await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        (n % 2 ? ledger : other).take(anOrderOf(0, { exemption: 'renewal', priority: 'expiring' })),
      ),
    )
    expect(duplicates.filter(({ granted }) => granted)).toHaveLength(4)
  })

  it('never exceed a window at a CA that looks back, however they come', async () => {
    const windowMs = 3 * HOUR
    const { ledger, other, clock } = await openLedgers({
      ...withOverrides(UNLIMITED, { orders_per_account: { count: 30, windowMs } }),
      metering: 'window',
    })
    const spent: number[] = []
    for (let round = 0; round < 120; round++) {
      await clock.advance(((round * 7_919) % 31) * 60_000)
      const orders = Array.from({ length: 4 }, (_, n) =>
        (n % 2 ? ledger : other).take(anOrderOf(n, { priority: 'expiring' })),
      )
      for (const { granted } of await Promise.all(orders)) if (granted) spent.push(clock.now())
    }
    const busiest = Math.max(
      ...spent.map((start) => spent.filter((at) => at >= start && at < start + windowMs).length),
    )
    expect(busiest).toBeLessThanOrEqual(30)
    expect(busiest).toBeGreaterThan(20)
  })
})

describe('the metrics of the ledger', () => {
  it('tell what is left of the account, how long it is closed, and who had to wait', async () => {
    const { ledger, scrape } = await openLedgers()
    await takeAll(ledger, () => anOrderOf(1))
    await ledger.noteLimited(refusalOf(1, 'busy', 90_000))
    await ledger.take(anOrderOf(2))
    await ledger.take(anOrderOf(3))
    const text = await scrape()
    expect(text).toContain('custos_ca_budget_remaining{ca="le",limit="orders_per_account"} 296\n')
    expect(text).not.toContain('custos_ca_budget_remaining{ca="own"')
    expect(text).toContain('custos_ca_paused_seconds{ca="le"} 90\n')
    expect(text).toContain('custos_ca_paused_seconds{ca="own"} 0\n')
    expect(text).toContain('waits_total{ca="le",limit="duplicate_certificates"} 1\n')
    expect(text).toContain('waits_total{ca="le",limit="retry_after"} 2\n')
  })
})
