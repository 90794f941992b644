import { describe, expect, it } from 'vitest'

import { TLS_ALPN_PATH } from '#domain/binding.ts'
import {
  chainDueAt,
  chainOf,
  createCustomHostname,
  dueAt,
  isDue,
  isServable,
  newChains,
  servingOf,
  wantedAnswers,
  withNextSerial,
  type CustomHostname,
} from '#domain/custom-hostname.ts'
import { parseHostname } from '#domain/hostname.ts'
import { newIssuance, type Issuance } from '#domain/issuance.ts'
import type { Order } from '#domain/order.ts'
import type { Ownership } from '#domain/ownership.ts'
import { aHostname, anActiveHostname, anOrder, withIssuance } from '#test/records.ts'

const NOW = Date.UTC(2026, 10, 23)
const removal = { requestedAt: NOW, serial: 9 }
const pending = (nextAt: number): Ownership => ({
  state: 'pending',
  since: NOW,
  attempts: 1,
  nextAt,
  errors: [],
})
const verified: Ownership = { state: 'verified', at: NOW, by: 'http', serial: 1 }
const waiting = (nextAt: number): Issuance => ({ state: 'scheduled', nextAt, failures: 1 })
const timedOut: Issuance = { state: 'timed_out', phase: 'issuance', since: NOW, problem: 'x' }

function withChains(record: CustomHostname, ecdsa: Issuance, rsa: Issuance): CustomHostname {
  return withIssuance(withIssuance(record, 'ecdsa', ecdsa), 'rsa', rsa)
}

describe('createCustomHostname', () => {
  const input = {
    id: 'id',
    zoneId: 'zone',
    hostname: parseHostname('app.customer.com'),
    ownershipToken: 'token',
  }

  it('is due at once, for ownership and for both chains', () => {
    const { ssl } = aHostname()
    const record = createCustomHostname({ ...input, ssl }, NOW)
    expect(dueAt(record)).toBe(NOW)
    expect(record.ownership.state).toBe('pending')
    expect(record.chains).toEqual(newChains(NOW))
    expect(record.chains.map(({ keyAlgorithm }) => keyAlgorithm)).toEqual(['ecdsa', 'rsa'])
    expect(record.deployment).toMatchObject({ published: undefined, appliedSerial: 0 })
    expect(record.deployment.serial).toBeGreaterThan(0)
  })

  it('has no chains where no certificate is wanted', () => {
    expect(createCustomHostname({ ...input, ssl: undefined }, NOW).chains).toEqual([])
  })
})

describe('dueAt', () => {
  it('is the earliest of ownership and both chains while ownership is pending', () => {
    const at = (own: number, ecdsa: number, rsa: number): number | undefined =>
      dueAt(withChains(aHostname({ ownership: pending(own) }), waiting(ecdsa), waiting(rsa)))
    expect(at(1, 2, 3)).toBe(1)
    expect(at(2, 1, 3)).toBe(1)
    expect(at(3, 2, 1)).toBe(1)
  })

  it('is that of the chains alone once ownership is verified', () => {
    const record = aHostname({ ownership: verified })
    expect(dueAt(withChains(record, waiting(5), waiting(4)))).toBe(4)
    expect(dueAt(withChains(record, waiting(5), timedOut))).toBe(5)
    expect(dueAt(withChains(record, timedOut, timedOut))).toBeUndefined()
    expect(dueAt(aHostname({ ownership: verified, ssl: undefined, chains: [] }))).toBeUndefined()
  })

  it('is the end of the retention while moved, whatever the chains want', () => {
    const ownership: Ownership = { state: 'moved', since: NOW, nextAt: 7, errors: [] }
    expect(dueAt(withChains(aHostname({ ownership }), waiting(1), waiting(1)))).toBe(7)
  })

  it.each<Ownership>([
    { state: 'deleted', since: NOW, errors: [] },
    { state: 'blocked', since: NOW, reason: 'held' },
  ])('is never while $state', (ownership) => {
    expect(dueAt(withChains(aHostname({ ownership }), waiting(1), waiting(1)))).toBeUndefined()
  })

  it('is never once removal is asked for', () => {
    expect(dueAt(aHostname({ removal }))).toBeUndefined()
  })
})

describe('chainDueAt', () => {
  const open = { order: anOrder(), since: NOW, nextAt: 5, failures: 0 }
  const fresh: Issuance = { state: 'scheduled', nextAt: 5, failures: 0 }
  const waitingFor = { certificateId: 'c', renewAt: 9, nextAt: 9, failures: 0 }
  const issued: Issuance = { state: 'issued', ...waitingFor }
  const rsaDueAt = (ecdsa: Issuance, rsa: Issuance): number | undefined => {
    const record = withChains(aHostname({ ownership: verified }), ecdsa, rsa)
    const chain = chainOf(record, 'rsa')
    return chain && chainDueAt(record, chain)
  }

  it.each<Issuance>([
    fresh,
    { ...open, state: 'ordered', attempts: 0 },
    { ...open, state: 'validating' },
    { state: 'timed_out', phase: 'validation', since: NOW, problem: 'x' },
  ])('is never for a new RSA chain while the ECDSA chain proves the name ($state)', (ecdsa) => {
    expect(rsaDueAt(ecdsa, fresh)).toBeUndefined()
  })

  it.each<Issuance>([
    waiting(7),
    { ...open, state: 'finalizing', certificateId: 'c', sealedKey: '' },
    { ...waitingFor, state: 'deploying', serial: 1 },
    issued,
    timedOut,
  ])('is the RSA chain’s own once that is over, well or not ($state)', (ecdsa) => {
    expect(rsaDueAt(ecdsa, fresh)).toBe(5)
  })

  it.each<[Issuance, number | undefined]>([
    [{ ...open, state: 'ordered', attempts: 0 }, undefined],
    [{ ...open, state: 'validating' }, undefined],
    [{ ...open, state: 'finalizing', certificateId: 'c', sealedKey: '' }, 9],
    [issued, 9],
  ])('of a renewal waits while the other chain is validated ($state)', (ecdsa, due) => {
    expect(rsaDueAt(ecdsa, issued)).toBe(due)
  })

  describe('of an RSA chain beside an ECDSA order that is proved alone', () => {
    const alone = { ...open, order: anOrder({ provedAlone: true }) }
    const record = aHostname({ ownership: verified })
    const byTxt = { ...record, ssl: record.ssl && { ...record.ssl, method: 'txt' as const } }
    const rsaOf = (of: CustomHostname, ecdsa: Issuance, rsa: Issuance): number | undefined => {
      const changed = withChains(of, ecdsa, rsa)
      const chain = chainOf(changed, 'rsa')
      return chain && chainDueAt(changed, chain)
    }

    it.each<Issuance>([
      { ...alone, state: 'ordered', attempts: 0 },
      { ...alone, state: 'validating' },
    ])('is its own, so that a customer sees all TXT records at once ($state)', (ecdsa) => {
      expect(rsaOf(byTxt, ecdsa, fresh)).toBe(5)
      expect(rsaOf(byTxt, ecdsa, issued)).toBe(9)
    })

    it('waits before that is open, where edges answer, and where the CA gives both one order', () => {
      const ordered: Issuance = { ...alone, state: 'ordered', attempts: 0 }
      expect(rsaOf(byTxt, fresh, fresh)).toBeUndefined()
      expect(rsaOf(record, ordered, fresh)).toBeUndefined()
      expect(rsaOf(byTxt, ordered, { ...fresh, afterSibling: true })).toBeUndefined()
    })
  })

  it('leaves an RSA chain alone that has an order of its own', () => {
    const ordered: Issuance = { ...open, state: 'ordered', attempts: 0 }
    expect(rsaDueAt(ordered, ordered)).toBe(5)
  })

  it('is the RSA chain’s own where it is to be renewed and the ECDSA chain waits its turn', () => {
    const record = withChains(aHostname({ ownership: verified }), fresh, fresh)
    const certificate = { id: '1', notBefore: 0, notAfter: 9 }
    const renewed = record.chains.map((chain) => ({ ...chain, certificate }))
    const rsa = renewed.find(({ keyAlgorithm }) => keyAlgorithm === 'rsa')
    expect(rsa && chainDueAt({ ...record, chains: renewed }, rsa)).toBe(5)
  })

  it('is the RSA chain’s own where it is missing and the ECDSA chain’s turn is days away', () => {
    const renewal: Issuance = { state: 'scheduled', nextAt: NOW, turn: NOW, failures: 0 }
    const record = withChains(aHostname({ ownership: verified }), renewal, waiting(5))
    const rsa = record.chains.find(({ keyAlgorithm }) => keyAlgorithm === 'rsa')
    expect(rsa && chainDueAt(record, rsa)).toBe(5)
  })

  it('is never held up for the ECDSA chain, nor for an RSA chain alone', () => {
    const record = withChains(aHostname(), fresh, { ...open, state: 'ordered', attempts: 0 })
    const [ecdsa] = record.chains
    expect(ecdsa && chainDueAt(record, ecdsa)).toBe(5)
    const alone = { ...record, chains: record.chains.slice(1) }
    expect(alone.chains[0] && chainDueAt(alone, alone.chains[0])).toBe(5)
  })
})

describe('isDue', () => {
  it('holds from that instant on', () => {
    const record = aHostname({ ownership: pending(100), ssl: undefined, chains: [] })
    expect(isDue(record, 99)).toBe(false)
    expect(isDue(record, 100)).toBe(true)
    expect(isDue(aHostname({ removal }), Number.MAX_SAFE_INTEGER)).toBe(false)
  })
})

describe('isServable', () => {
  it('needs the proof, and no removal', () => {
    expect(isServable(anActiveHostname())).toBe(true)
    expect(isServable(aHostname())).toBe(false)
    expect(isServable(anActiveHostname({ removal }))).toBe(false)
    const blocked: Ownership = { state: 'blocked', since: NOW, reason: 'held' }
    expect(isServable(anActiveHostname({ ownership: blocked }))).toBe(false)
  })
})

describe('withNextSerial', () => {
  const serialOf = (record: CustomHostname): number => record.deployment.serial

  it('grows, by at least one, and to the clock where that is given', () => {
    const record = aHostname()
    const { serial } = record.deployment
    expect(serialOf(withNextSerial(record))).toBe(serial + 1)
    expect(serialOf(withNextSerial(record, serial - 5))).toBe(serial + 1)
    expect(serialOf(withNextSerial(record, serial + 5))).toBe(serial + 5)
    expect(record.deployment.serial).toBe(serial)
  })
})

describe('servingOf', () => {
  const proved = (at: number): Ownership => ({ ...verified, at })

  it('is the one proved last', () => {
    const older = aHostname({ ownership: proved(1), createdAt: 1 })
    const newer = aHostname({ ownership: proved(2), createdAt: 0 })
    expect(servingOf([older, newer])).toBe(newer)
    expect(servingOf([newer, older])).toBe(newer)
  })

  it('is not taken over by merely creating the name elsewhere', () => {
    const served = aHostname({ ownership: proved(1), createdAt: 1 })
    const squatter = aHostname({ createdAt: 0 })
    expect(servingOf([squatter, served])).toBe(served)
  })

  it('is the oldest while none is proved, and none that is being removed', () => {
    const first = aHostname({ createdAt: 1 })
    const second = aHostname({ createdAt: 2 })
    expect(servingOf([second, first])).toBe(first)
    expect(servingOf([second, { ...first, removal }])).toBe(second)
    expect(servingOf([{ ...first, removal }])).toBeUndefined()
    expect(servingOf([])).toBeUndefined()
  })
})

describe('servingOf, of records that are not proved or were proved at once,', () => {
  it('prefers one that may still be proved', () => {
    const errors: string[] = []
    const given: Ownership[] = [
      { state: 'deleted', since: NOW, errors },
      { state: 'moved', since: NOW, nextAt: NOW, errors },
    ]
    const pending = aHostname({ createdAt: 2 })
    for (const ownership of given) {
      const former = aHostname({ ownership, createdAt: 1 })
      expect(servingOf([former, pending])).toBe(pending)
      expect(servingOf([former])).toBe(former)
    }
  })

  it('does not depend on their order', () => {
    const [one, other] = [aHostname(), aHostname()]
    expect(servingOf([one, other])).toBe(servingOf([other, one]))
  })
})

describe('wantedAnswers', () => {
  const order = anOrder({ expiresAt: NOW + 5 })
  const answer = {
    path: '/.well-known/acme-challenge/token',
    body: 'token.thumbprint',
    expiresAt: NOW + 5,
  }
  const open = { order, since: NOW, nextAt: NOW, failures: 0 }

  it.each<Issuance>([
    { ...open, state: 'ordered', attempts: 0 },
    { ...open, state: 'validating' },
    { ...open, state: 'finalizing', certificateId: 'c', sealedKey: '' },
  ])('are the challenges of an open order ($state)', (issuance) => {
    expect(wantedAnswers(withIssuance(aHostname(), 'rsa', issuance))).toEqual([answer])
  })

  it('are those of both chains', () => {
    const other = anOrder({
      challenges: order.challenges.map((one) => ({ ...one, token: 'b', keyAuthorization: 'b.t' })),
    })
    const record = withChains(
      aHostname(),
      { ...open, state: 'validating' },
      { ...open, state: 'validating', order: other },
    )
    expect(wantedAnswers(record).map(({ body }) => body)).toEqual(['token.thumbprint', 'b.t'])
  })

  it('are one for tls-alpn-01, of the chain that the CA looks at, then of the next', () => {
    const alpn = (token: string): Order =>
      anOrder({
        expiresAt: NOW + 5,
        challenges: order.challenges.map((one) => ({
          ...one,
          type: 'tls-alpn-01',
          token,
          keyAuthorization: `${token}.t`,
        })),
      })
    const bodies = (ecdsa: Issuance, rsa: Issuance): unknown =>
      wantedAnswers(withChains(aHostname(), ecdsa, rsa))
    const [e, r] = [alpn('e'), alpn('r')]
    const ordered: Issuance = { ...open, state: 'ordered', attempts: 0, order: e }
    const validating: Issuance = { ...open, state: 'validating', order: r }
    const signing = { certificateId: 'c', sealedKey: '' }
    const finalizing: Issuance = { ...open, ...signing, state: 'finalizing', order: r }
    const answers = (body: string) => [{ path: TLS_ALPN_PATH, body, expiresAt: NOW + 5 }]
    expect(bodies(ordered, newIssuance(NOW))).toEqual(answers('e.t'))
    expect(bodies(ordered, validating)).toEqual(answers('r.t'))
    expect(bodies(ordered, finalizing)).toEqual(answers('e.t'))
    expect(bodies(newIssuance(NOW), finalizing)).toEqual(answers('r.t'))
  })

  it('are none for other challenges, and none without an order', () => {
    const dns = anOrder({
      challenges: order.challenges.map((one) => ({ ...one, type: 'dns-01' as const })),
    })
    const issuance: Issuance = { ...open, state: 'validating', order: dns }
    expect(wantedAnswers(withIssuance(aHostname(), 'ecdsa', issuance))).toEqual([])
    expect(wantedAnswers(aHostname())).toEqual([])
    expect(wantedAnswers(anActiveHostname())).toEqual([])
  })
})

describe('chainOf', () => {
  it('finds the chain of an algorithm', () => {
    const record = aHostname()
    expect(chainOf(record, 'rsa')).toBe(record.chains[1])
    expect(chainOf({ ...record, chains: [] }, 'rsa')).toBeUndefined()
  })
})
