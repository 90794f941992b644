import { createSocket } from 'node:dgram'

import packet from 'dns-packet'
import * as fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'

import { createAddressRule } from '#control/dns/address-rule.ts'
import { decodeReply, encodeQuery } from '#control/dns/message.ts'
import type { AuthoritativeResolver } from '#control/dns/resolver.ts'
import { freePort } from '#test/ports.ts'
import {
  aRecord,
  referral,
  replyTo,
  startRawDnsServer,
  type RawDnsServer,
  type RawQuestion,
} from '#test/raw-dns-server.ts'
import { reservedName as name } from '#test/test-ca.ts'
import { testResolver } from '#test/test-resolver.ts'

const never = new AbortController().signal
const GOOD = '192.0.2.1'
const FORGED = '192.0.2.66'
const NAME = 'www.evil.test'

const stack = new AsyncDisposableStack()
/** Authoritative for everything, as the root; and whom it may refer to. */
let root: RawDnsServer
let child: RawDnsServer
let victim: RawDnsServer
let resolver: AuthoritativeResolver
/** The same, where nothing will come. */
let impatient: AuthoritativeResolver

beforeAll(async () => {
  const port = await freePort()
  root = stack.use(await startRawDnsServer({ address: '127.10.3.1', port }))
  child = stack.use(await startRawDnsServer({ address: '127.10.3.2', port }))
  victim = stack.use(await startRawDnsServer({ address: '127.10.3.3', port }))
})

beforeEach(() => {
  for (const server of [root, child, victim]) {
    server.questions.length = 0
    server.onQuestion = () => {}
  }
  resolver = withOptions()
  impatient = withOptions({ timeoutMs: 100 })
})

afterAll(() => stack.disposeAsync())

function withOptions(
  options: Partial<Parameters<typeof testResolver>[0]> = {},
): AuthoritativeResolver {
  const where = { servers: [], roots: [root.endpoint], authoritativePort: root.port }
  return testResolver({ ...where, timeoutMs: 2_000, ...options })
}

/** What becomes of the A record of `NAME`. */
async function look(at = NAME, by = resolver): Promise<string> {
  const found = await by.resolveAddresses(name(at), never)
  return found.outcome === 'found'
    ? found.values.map(({ address }) => address).join()
    : found.outcome
}

function answerGood(question: RawQuestion): void {
  const answers = question.type === 'A' ? [aRecord(question.name, GOOD)] : []
  question.send(replyTo(question, { answers }))
}

function sendForged(question: RawQuestion, changes: Parameters<typeof replyTo>[2]): void {
  question.send(replyTo(question, { answers: [aRecord(question.name, FORGED)] }, changes))
}

describe('a reply that is none', () => {
  it.each([
    ['another id', ({ query }: RawQuestion) => ({ id: ((query.id ?? 0) + 1) & 0xffff })],
    ['another question', () => ({ questions: [{ type: 'A' as const, name: 'other.test' }] })],
    ['another type', () => ({ questions: [{ type: 'MX' as const, name: NAME }] })],
    ['no question', () => ({ questions: [] })],
    ['the form of a question', () => ({ type: 'query' as const })],
  ])('with %s is passed over, and the true one taken', async (_, changesOf) => {
    root.onQuestion = (question) => {
      sendForged(question, changesOf(question))
      answerGood(question)
    }
    expect(await look()).toBe(GOOD)
    root.onQuestion = (question) => sendForged(question, changesOf(question))
    expect(await look(NAME, impatient)).toBe('timeout')
  })

  it('from another address does not arrive', async () => {
    root.onQuestion = (question) => {
      const { from } = question
      const other = createSocket('udp4').bind(0, '127.10.3.9', () =>
        other.send(
          replyTo(question, { answers: [aRecord(NAME, FORGED)] }),
          from.port,
          from.address,
          () => other.close(() => answerGood(question)),
        ),
      )
    }
    expect(await look()).toBe(GOOD)
  })

  it('cannot be aimed: each question has another port and another id', async () => {
    const seen = new Set<string>()
    root.onQuestion = (question) => {
      seen.add(`${question.from.port} ${question.query.id}`)
      answerGood(question)
    }
    for (let i = 0; i < 8; i++) await look()
    expect(new Set([...seen].map((pair) => pair.split(' ')[0])).size).toBeGreaterThan(8)
    expect(new Set([...seen].map((pair) => pair.split(' ')[1])).size).toBeGreaterThan(8)
  })
})

describe('a reply that was cut', () => {
  const cut = (question: RawQuestion): void =>
    question.send(
      replyTo(question, { flags: packet.TRUNCATED_RESPONSE | packet.AUTHORITATIVE_ANSWER }),
    )

  it('is asked for again over TCP', async () => {
    root.onQuestion = (question) => (question.over === 'udp' ? cut(question) : answerGood(question))
    expect(await look()).toBe(GOOD)
  })

  it.each<[string, (question: RawQuestion) => void, string]>([
    ['is cut again', cut, 'servfail'],
    ['ends early', (question) => question.hangUp(), 'servfail'],
    ['does not come', () => {}, 'timeout'],
    ['is too long', (question) => question.send(Buffer.alloc(20_000)), 'servfail'],
  ])('fails where the whole one %s', async (_, overTcp, outcome) => {
    root.onQuestion = (question) => (question.over === 'udp' ? cut(question) : overTcp(question))
    expect(await look(NAME, outcome === 'timeout' ? impatient : resolver)).toBe(outcome)
  })
})

describe('a reply that cannot be read', () => {
  /** A header with these counts, then the bytes. */
  function bomb({ query }: RawQuestion, counts: number[], rest: Buffer): Buffer {
    const header = Buffer.alloc(12)
    header.writeUInt16BE(query.id ?? 0)
    header.writeUInt16BE(0x8400, 2)
    for (const [index, count] of counts.entries()) header.writeUInt16BE(count, 4 + 2 * index)
    return Buffer.concat([header, rest])
  }

  it.each<[string, (question: RawQuestion) => Buffer]>([
    [
      'has a name that points at itself',
      (q) => bomb(q, [1, 0, 0, 0], Buffer.from([0xc0, 12, 0, 1, 0, 1])),
    ],
    [
      'has a name that points ahead',
      (q) => bomb(q, [1, 0, 0, 0], Buffer.from([0xc0, 40, 0, 1, 0, 1])),
    ],
    ['says more than it has', (q) => bomb(q, [1, 65_535, 65_535, 65_535], Buffer.alloc(40))],
    [
      'has more records than anybody needs',
      (q) => {
        const answers = Array.from({ length: 300 }, () => aRecord(NAME, FORGED))
        return replyTo(q, { answers })
      },
    ],
    ['ends in the middle', (q) => replyTo(q, { answers: [aRecord(NAME, FORGED)] }).subarray(0, -2)],
  ])('because it %s ends the attempt at once', async (_, messageOf) => {
    root.onQuestion = (question) => question.send(messageOf(question))
    expect(await look()).toBe('servfail')
  })

  it('never makes the decoder throw, whatever the bytes', () => {
    const query = { name: NAME, type: 'A' as const }
    const asked = encodeQuery(query, { id: 0x1234, edns: false })
    const bytes = fc.uint8Array({ maxLength: 300 })
    const counts = fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 3, maxLength: 3 })
    const decode = (bytes: Uint8Array, counts: number[]): void => {
      const message = Buffer.concat([asked, bytes])
      message.writeUInt16BE(0x8400, 2)
      for (const [index, count] of counts.entries()) message.writeUInt16BE(count, 6 + 2 * index)
      const reply = decodeReply(message, { id: 0x1234, query })
      expect(reply).toSatisfy((it: unknown) => it === 'malformed' || typeof it === 'object')
    }
    fc.assert(fc.property(bytes, counts, decode))
    expect(decodeReply(asked.subarray(0, 11), { id: 0x1234, query })).toBeUndefined()
  })
})

describe('what a server may not say', () => {
  it('is what a name beside the one asked for has', async () => {
    root.onQuestion = (question) => {
      if (question.name !== NAME) return answerGood(question)
      const alias = { type: 'CNAME' as const, name: NAME, ttl: 60, data: 'bank.test' }
      question.send(replyTo(question, { answers: [alias, aRecord('bank.test', FORGED)] }))
    }
    expect(await look()).toBe(GOOD)
    expect(root.questions).toContain('A bank.test')
  })

  it('is anything where it does not speak with authority', async () => {
    root.onQuestion = (question) =>
      question.send(replyTo(question, { flags: 0, answers: [aRecord(NAME, FORGED)] }))
    expect(await look()).toBe('servfail')
  })

  it('is the address of a name server outside its zone', async () => {
    root.onQuestion = (question) => {
      if (question.name.endsWith('evil.test')) {
        return question.send(
          replyTo(question, referral('evil.test', { 'ns.evil.test': child.address })),
        )
      }
      const answers = question.type === 'A' ? [aRecord(question.name, victim.address)] : []
      question.send(replyTo(question, { answers }))
    }
    child.onQuestion = (question) => {
      const below = { 'ns.victim.test': child.address }
      question.send(replyTo(question, referral('www.evil.test', below)))
    }
    victim.onQuestion = answerGood
    expect(await look()).toBe(GOOD)
    expect(root.questions).toContain('A ns.victim.test')
  })

  it.each([
    ['above', 'test'],
    ['beside', 'bank.test'],
    ['the same', 'evil.test'],
  ])('is that others hold a zone %s', async (_, cut) => {
    root.onQuestion = (question) =>
      question.send(replyTo(question, referral('evil.test', { 'ns.evil.test': child.address })))
    child.onQuestion = (question) =>
      question.send(replyTo(question, referral(cut, { [`ns.${cut}`]: victim.address })))
    victim.onQuestion = (question) => sendForged(question, {})
    expect(await look()).toBe('servfail')
    expect(victim.questions).toEqual([])
  })

  it.each(['169.254.169.254', '0.0.0.0', '224.0.0.1', '255.255.255.255'])(
    'is that we should ask %s',
    async (address) => {
      root.onQuestion = (question) =>
        question.send(replyTo(question, referral('evil.test', { 'ns.evil.test': address })))
      expect(await look()).toBe('servfail')
      const { servers } = await resolver.survey(name(NAME), 'A', never)
      expect(servers).toEqual([
        { server: 'ns.evil.test', address: '', answer: { outcome: 'servfail' } },
      ])
    },
  )
})

/** Attack: a zone's name servers have addresses inside, where our questions reach what listens there. */
describe('where nothing inside may be asked', () => {
  const outside = (): AuthoritativeResolver =>
    withOptions({ addressRule: createAddressRule({ allowPrivate: false }) })

  it('no name server is by its glue, while the roots of the settings are', async () => {
    root.onQuestion = (question) =>
      question.send(replyTo(question, referral('evil.test', { 'ns.evil.test': child.address })))
    child.onQuestion = answerGood
    expect(await look(NAME, outside())).toBe('servfail')
    expect(root.questions.length).toBeGreaterThan(0)
    expect(child.questions).toEqual([])
  })

  it('nor by an address that is looked up', async () => {
    root.onQuestion = (question) => {
      if (question.name === 'ns.other.test') {
        const answers = question.type === 'A' ? [aRecord(question.name, child.address)] : []
        return question.send(replyTo(question, { answers }))
      }
      question.send(replyTo(question, referral('evil.test', { 'ns.other.test': undefined })))
    }
    child.onQuestion = answerGood
    expect(await look(NAME, outside())).toBe('servfail')
    expect(root.questions).toContain('A ns.other.test')
    expect(child.questions).toEqual([])
  })
})

describe('a zone made to keep us busy', () => {
  const LIMIT = 64
  const asked = (): number =>
    [root, child, victim].reduce((sum, { questions }) => sum + questions.length, 0)

  it('by name servers whose addresses lead to more of them', async () => {
    let made = 0
    root.onQuestion = (question) => {
      const servers = Object.fromEntries(
        Array.from({ length: 20 }, () => [`ns.x${made++}.test`, undefined]),
      )
      const zone = question.name.split('.').slice(-2).join('.')
      question.send(replyTo(question, referral(zone, servers)))
    }
    expect(await look()).toBe('servfail')
    expect(asked()).toBeLessThanOrEqual(LIMIT)
  })

  it('by two zones whose servers lie in each other', async () => {
    root.onQuestion = (question) => {
      const zone = question.name.endsWith('evil.test') ? 'evil.test' : 'also.test'
      const server = zone === 'evil.test' ? 'ns.also.test' : 'ns.evil.test'
      question.send(replyTo(question, referral(zone, { [server]: undefined })))
    }
    expect(await look()).toBe('servfail')
    expect(asked()).toBeLessThanOrEqual(LIMIT)
  })

  it('by a cut at every label', async () => {
    const refer = (question: RawQuestion, depth: number): void => {
      const zone = question.name.split('.').slice(-depth).join('.')
      question.send(replyTo(question, referral(zone, { [`ns.${zone}`]: child.address })))
    }
    root.onQuestion = (question) => refer(question, 1)
    const depths = new Map<string, number>()
    child.onQuestion = (question) => {
      const depth = (depths.get(question.type) ?? 1) + 1
      depths.set(question.type, depth)
      refer(question, depth)
    }
    expect(await look(`${'a.'.repeat(60)}test`)).toBe('servfail')
    expect(asked()).toBeLessThanOrEqual(LIMIT)
  })

  it('by aliases without an end', async () => {
    let made = 0
    root.onQuestion = (question) => {
      const data = `alias-${made++}.test`
      question.send(
        replyTo(question, { answers: [{ type: 'CNAME', name: question.name, ttl: 60, data }] }),
      )
    }
    expect(await look()).toBe('servfail')
    expect(asked()).toBeLessThanOrEqual(LIMIT)
  })

  it('by silence, until the deadline', async () => {
    const hasty = withOptions({ timeoutMs: 60_000, tries: 100, deadlineMs: 150 })
    expect(await look(NAME, hasty)).toBe('timeout')
    // By then it is not the name's silence any more: the root itself says nothing.
    const silence = { outcome: expect.stringMatching(/^(timeout|unheard)$/) as string }
    expect(await hasty.findCaa(name(NAME), never)).toEqual({ ...silence, at: NAME })
    expect(await hasty.survey(name(NAME), 'A', never)).toMatchObject({
      servers: [{ answer: silence }],
    })
  })

  it('by silence, until whoever asks has had enough', async () => {
    const reason = new Error('stopped')
    const controller = new AbortController()
    const patient = withOptions({ timeoutMs: 60_000 })
    root.onQuestion = () => controller.abort(reason)
    await expect(patient.resolveTxt(name(NAME), controller.signal)).rejects.toBe(reason)
    await expect(patient.survey(name(NAME), 'A', controller.signal)).rejects.toBe(reason)
  })
})

describe('a server that is only old', () => {
  it('and does not know EDNS is asked without', async () => {
    root.onQuestion = (question) => {
      const hasEdns = question.query.additionals?.some(({ type }) => type === 'OPT')
      if (hasEdns) question.send(replyTo(question, { rcode: 1 }, { questions: [] }))
      else answerGood(question)
    }
    expect(await look()).toBe(GOOD)
  })

  it('and answers in another case is understood', async () => {
    root.onQuestion = (question) => {
      const answers = question.type === 'A' ? [aRecord('WWW.Evil.TEST', GOOD)] : []
      question.send(
        replyTo(
          question,
          { answers },
          { questions: [{ type: question.type as 'A', name: 'WWW.EVIL.test' }] },
        ),
      )
    }
    expect(await look()).toBe(GOOD)
  })

  it('and loses a message is asked again', async () => {
    let lost = 0
    root.onQuestion = (question) => {
      if (lost++ >= 2) answerGood(question)
    }
    expect(await look(NAME, withOptions({ timeoutMs: 200, tries: 9 }))).toBe(GOOD)
  })
})
