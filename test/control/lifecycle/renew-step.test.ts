import { describe, expect, it } from 'vitest'

import { IssuerError, type Issuer, type RenewalAnswer } from '#control/ca/issuer.ts'
import type { Certificate } from '#domain/certificate.ts'
import type { CustomHostname } from '#domain/custom-hostname.ts'
import type { Issuance } from '#domain/issuance.ts'
import { fakeIssuer, type FakeIssuer } from '#test/fake-issuer.ts'
import { aCertificate, aHostname, NOON } from '#test/records.ts'
import { stepsWith, type Steps } from '#test/steps.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

const record = aHostname()
const certificate: Certificate = { ...aCertificate(record, 'ecdsa'), ca: 'one' }
const served: Partial<CustomHostname> = {
  chains: record.chains.map((chain) => ({ ...chain, certificate })),
}
const renewAt = NOON + 60 * DAY
const issued: Issuance = {
  state: 'issued',
  certificateId: certificate.id,
  renewAt,
  nextAt: NOON,
  failures: 0,
}

function saying(answer: () => RenewalAnswer | undefined): FakeIssuer {
  return fakeIssuer('one', { hasRenewalInfo: true, findRenewalInfo: async () => answer() })
}

function stepsAt(issuer: Issuer): Steps {
  return stepsWith([issuer], { findCertificate: async () => certificate })
}

describe('when to renew', () => {
  it('is an instant of the window that the CA gives, which is asked again when it says', async () => {
    const window = { start: NOON + 50 * DAY, end: NOON + 52 * DAY }
    const steps = stepsAt(saying(() => ({ window, retryAfterMs: 6 * HOUR })))
    expect(await steps.advance(issued, served)).toEqual({
      ...issued,
      renewAt: NOON + 51 * DAY,
      nextAt: NOON + 6 * HOUR,
      renewalInfo: { window },
    })
  })

  it('is drawn once a window', async () => {
    const window = { start: NOON + 50 * DAY, end: NOON + 52 * DAY }
    const steps = stepsAt(saying(() => ({ window, retryAfterMs: 6 * HOUR })))
    const early: Issuance = { ...issued, renewAt: NOON + 50 * DAY, renewalInfo: { window } }
    expect(await steps.advance(early, served)).toMatchObject({ renewAt: NOON + 50 * DAY })
  })

  it('is now where the CA moves the window into the past, as when it has to revoke', async () => {
    const window = { start: NOON - 2 * DAY, end: NOON - DAY }
    const explanationUrl = 'https://ca.test/why'
    const issuer = saying(() => ({ window, retryAfterMs: HOUR, explanationUrl }))
    const steps = stepsAt(issuer)
    const due = await steps.advance(issued, served)
    expect(due).toMatchObject({ renewalInfo: { explanationUrl } })
    expect(due).toHaveProperty('nextAt', NOON - 1.5 * DAY)
    expect(await steps.advance(due, served)).toMatchObject({ state: 'ordered' })
    expect(issuer.opened).toMatchObject([{ replaces: certificate.chain }])
  })

  it('is never later than half of our own time, whatever a CA says', async () => {
    const window = { start: NOON + 89 * DAY, end: NOON + 90 * DAY }
    const steps = stepsAt(saying(() => ({ window, retryAfterMs: HOUR })))
    expect(await steps.advance(issued, served)).toMatchObject({ renewAt: NOON + 75 * DAY })
  })

  it.each<[string, Issuer['findRenewalInfo']]>([
    ['says nothing', async () => undefined],
    ['is away', () => Promise.reject(new IssuerError('unavailable', 'away'))],
  ])('stays as it was where the CA %s, which is asked again later', async (_, findRenewalInfo) => {
    const steps = stepsAt(fakeIssuer('one', { hasRenewalInfo: true, findRenewalInfo }))
    expect(await steps.advance(issued, served)).toEqual({ ...issued, nextAt: NOON + 6 * HOUR })
  })

  it('stays as it was where the CA is not used any more, and nobody is asked again', async () => {
    const steps = stepsAt(fakeIssuer('two'))
    expect(await steps.advance(issued, served)).toEqual({ ...issued, nextAt: renewAt })
  })

  it('comes, and nobody waits for a turn that came while it was asked for', async () => {
    const steps = stepsWith([fakeIssuer('one')], {
      pace: {
        takeTurn: async () => {
          steps.clock.jump(NOON + 5)
          return NOON + 5
        },
      },
      findCertificate: async () => certificate,
    })
    const due = { ...issued, renewAt: NOON }
    expect(await steps.advance(due, served)).toMatchObject({ state: 'ordered' })
  })

  it('comes, and then it waits its turn, once', async () => {
    const one = fakeIssuer('one')
    const turn = NOON + DAY
    const steps = stepsWith([one], {
      pace: { takeTurn: async () => turn },
      findCertificate: async () => certificate,
    })
    const waiting = await steps.advance({ ...issued, renewAt: NOON }, served)
    expect(waiting).toEqual({ state: 'scheduled', nextAt: turn, turn, failures: 0 })
    steps.clock.jump(turn)
    expect(await steps.advance(waiting, served)).toMatchObject({ state: 'ordered' })
  })

  it('is asked for while it waits its turn, which is over where the CA has to revoke', async () => {
    const turn = NOON + DAY
    let start = NOON + 70 * DAY
    const window = () => ({ start, end: start + DAY })
    const issuer = saying(() => ({ window: window(), retryAfterMs: 5 * HOUR }))
    const steps = stepsWith([issuer, fakeIssuer('two')], {
      pace: { takeTurn: async () => turn },
      findCertificate: async () => certificate,
    })
    const { clock } = steps
    const first = await steps.advance({ ...issued, renewAt: NOON }, served)
    expect(first).toEqual({ state: 'scheduled', nextAt: NOON + 6 * HOUR, turn, failures: 0 })
    clock.jump(NOON + 6 * HOUR)
    const second = await steps.advance(first, served)
    expect(second).toEqual({ ...first, nextAt: NOON + 11 * HOUR })
    start = NOON - 2 * DAY
    clock.jump(NOON + 11 * HOUR)
    const hurried = await steps.advance(second, served)
    expect(hurried).toMatchObject({ nextAt: NOON + 11 * HOUR, turn: certificate.notBefore })
    expect(await steps.advance(hurried, served)).toMatchObject({ state: 'ordered' })
  })

  it('comes, and then another CA that did not make the chain is not told what it replaces', async () => {
    const two = fakeIssuer('two', { hasRenewalInfo: true })
    const steps = stepsAt(two)
    const due = { ...issued, renewAt: NOON }
    expect(await steps.advance(due, served)).toMatchObject({ state: 'ordered' })
    expect(two.opened).toEqual([
      { hostname: expect.any(String), wildcard: false, keyAlgorithm: 'ecdsa' },
    ])
  })
})

describe('a renewal that is due while the only CA is away', () => {
  const due: Issuance = { ...issued, renewAt: NOON }
  const away = new IssuerError('unavailable', 'away')

  /** A CA that is away until `back`, and was found so a moment ago. */
  async function duringOutage(): Promise<Steps & { issuer: FakeIssuer; back: () => void }> {
    let isAway = true
    const issuer = fakeIssuer('one')
    const { openOrder } = issuer
    const steps = stepsAt({
      ...issuer,
      openOrder: async (...args) => {
        if (isAway) throw away
        return openOrder(...args)
      },
    })
    await steps.take(due, served)
    return { ...steps, issuer, back: () => void (isAway = false) }
  }

  it('does not ask again what another one has just been refused', async () => {
    const { advance, clock } = await duringOutage()
    clock.jump(NOON + 1_000)
    const waiting = await advance({ ...due, renewAt: NOON + 1_000 }, served)
    expect(waiting).toMatchObject({ state: 'scheduled', failures: 0, turn: NOON + 1_000 })
    expect(waiting).not.toHaveProperty('problem')
    clock.jump(NOON + HOUR)
    expect(await advance(waiting, served)).toMatchObject({ failures: 1, problem: 'away' })
  })

  it('waits after it for those whose turn was before', async () => {
    const { advance, take, clock, issuer, back } = await duringOutage()
    const turn = NOON + 10 * HOUR
    const waiting: Issuance = { state: 'scheduled', nextAt: turn, turn, failures: 0 }
    clock.jump(NOON + 20 * HOUR)
    back()
    await take({ ...due }, served)
    expect(issuer.opened).toHaveLength(1)
    expect(await advance(waiting, served)).toMatchObject({ nextAt: NOON + 28 * HOUR, turn })
    clock.jump(NOON + 28 * HOUR)
    expect(await advance(waiting, served)).toMatchObject({ state: 'ordered' })
  })

  it('waits for nobody where half of its time has gone by', async () => {
    const { advance, clock, back } = await duringOutage()
    clock.jump(NOON + 75 * DAY)
    expect(await advance(due, served)).toMatchObject({ state: 'scheduled', failures: 1 })
    back()
    expect(await advance(due, served)).toMatchObject({ state: 'ordered' })
  })

  it('waits for nobody where the certificate is not what is wanted any more', async () => {
    const { advance, clock, back } = await duringOutage()
    const waiting: Issuance = { state: 'scheduled', nextAt: NOON, failures: 0 }
    const chains = served.chains?.map((chain) => ({ ...chain, isOutdated: true as const })) ?? []
    clock.jump(NOON + 1_000)
    back()
    expect(await advance(waiting, served)).toMatchObject({ state: 'scheduled' })
    expect(await advance(waiting, { ...served, chains })).toMatchObject({ state: 'ordered' })
  })

  it('waits for nobody where the CA has to revoke it', async () => {
    const { advance, clock, back } = await duringOutage()
    const window = { start: NOON - DAY, end: NOON }
    clock.jump(NOON + HOUR)
    back()
    expect(await advance({ ...due, renewalInfo: { window } }, served)).toMatchObject({
      state: 'ordered',
    })
  })
})
