import packet from 'dns-packet'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import type { DcvRecords } from '#control/dns/authoritative/dcv-records.ts'
import { createHandler, type Handler } from '#control/dns/authoritative/handler.ts'
import { DnsMetrics } from '#control/dns/authoritative/dns-metrics.ts'
import { Lookups } from '#control/dns/authoritative/lookups.ts'
import { RateLimiter } from '#control/dns/authoritative/rate-limiter.ts'
import { createResponder } from '#control/dns/authoritative/responder.ts'
import { MAX_UDP_BYTES } from '#control/dns/authoritative/response.ts'
import { createServedZone } from '#control/dns/authoritative/served-zone.ts'
import { parseHostname } from '#domain/hostname.ts'
import { systemClock as clock } from '#lib/clock.ts'
import { silentLogger as log } from '#lib/log.ts'
import { Metrics } from '#lib/metrics.ts'
import { DCV_ZONE, startDcvDns, UUID, type DcvDns } from '#test/dcv-dns.ts'
import { dnsQuery, rcodeOf, udpClient } from '#test/dns-bytes.ts'

const [FORMERR, REFUSED] = [1, 5]

/** Every name below the one delegation has a value. */
const records: DcvRecords = {
  hasDelegation: async (uuid) => uuid === UUID,
  findTxt: async () => ['value'],
}

let dns: DcvDns
beforeAll(async () => {
  dns = await startDcvDns({ records })
})
afterAll(() => dns[Symbol.asyncDispose]())

/** Sends the bytes, then a good query, and gives all that came before its answer. */
async function answersTo(bytes: Uint8Array): Promise<Buffer[]> {
  using client = await udpClient(dns.address)
  client.send(bytes)
  client.send(dnsQuery(DCV_ZONE, 'SOA', { id: 7 }))
  const answers: Buffer[] = []
  for (;;) {
    const answer = await client.next()
    if (answer.readUInt16BE(0) === 7) return answers
    answers.push(answer)
  }
}

/** Header of a query with one question and these bytes behind it. */
const question = (...bytes: (number | Uint8Array)[]): Buffer =>
  Buffer.concat([
    Buffer.from([0x12, 0x67, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
    ...bytes.map((each) => (typeof each === 'number' ? Buffer.from([each]) : each)),
  ])
const TXT_IN = Buffer.from([0, 16, 0, 1])
const label = (size: number): Buffer => Buffer.concat([Buffer.from([size]), Buffer.alloc(size, 97)])

describe('a message that is none', () => {
  it.each([
    ['nothing', Buffer.alloc(0)],
    ['one byte', Buffer.from([1])],
    ['less than a header', Buffer.alloc(11)],
    ['an answer', packet.encode({ type: 'response', id: 1, questions: [] })],
    ['an answer to a question', dnsQuery(DCV_ZONE, 'SOA', { type: 'response' })],
  ])('gets no answer: %s', async (_, bytes) => {
    expect(await answersTo(bytes)).toEqual([])
  })

  it.each([
    ['no question', Buffer.alloc(12)],
    ['two questions', dnsQuery(DCV_ZONE, 'SOA', { change: (b) => b.writeUInt16BE(2, 4) })],
    ['65535 questions', dnsQuery(DCV_ZONE, 'SOA', { change: (b) => b.writeUInt16BE(0xffff, 4) })],
    ['65535 answers', dnsQuery(DCV_ZONE, 'SOA', { change: (b) => b.writeUInt16BE(0xffff, 6) })],
    ['a question cut off', dnsQuery(DCV_ZONE, 'SOA').subarray(0, -1)],
    ['a name cut off', question(5, 97)],
    ['a name without an end', question(label(1))],
    ['bytes behind its end', Buffer.concat([dnsQuery(DCV_ZONE, 'SOA'), Buffer.from([0])])],
    ['a pointer to itself', question(0xc0, 12, TXT_IN)],
    ['a pointer to the header', question(label(3), 0xc0, 0, TXT_IN)],
    ['a pointer out of it', question(0xff, 0xff, TXT_IN)],
    ['a label of an unknown kind', question(0x41, Buffer.alloc(0x41), 0, TXT_IN)],
    ['a name of 256 bytes', question(...Array(3).fill(label(63)), label(62), 0, TXT_IN)],
    ['a name of 600 bytes', question(...Array(300).fill(label(1)), 0, TXT_IN)],
  ])('is told so: %s', async (_, bytes) => {
    const [answer, ...more] = await answersTo(bytes)
    expect(more).toEqual([])
    expect(answer).toHaveLength(12)
    expect(answer?.readUInt16BE(0)).toBe(bytes.readUInt16BE(0))
    expect(rcodeOf(answer ?? Buffer.alloc(12))).toBe(FORMERR)
  })

  it.each([
    ['of 255 bytes', question(...Array(3).fill(label(63)), label(61), 0, TXT_IN)],
    ['of 127 labels', question(...Array(127).fill(label(1)), 0, TXT_IN)],
  ])('is not what a name is that is as long as it may be: %s', async (_, bytes) => {
    const [answer] = await answersTo(bytes)
    expect(rcodeOf(answer ?? Buffer.alloc(12))).toBe(REFUSED)
    expect(answer?.subarray(12)).toEqual(bytes.subarray(12))
  })
})

describe('an OPT record', () => {
  const opt = (...bytes: number[]): Buffer => Buffer.from([0, 0, 41, 2, 0, 0, 0, 0, 0, ...bytes])
  const withRecords = (counts: [number, number, number], ...bytes: Buffer[]): Buffer =>
    Buffer.concat([
      dnsQuery(DCV_ZONE, 'SOA', {
        change: (head) => counts.forEach((count, i) => head.writeUInt16BE(count, 6 + 2 * i)),
      }),
      ...bytes,
    ])

  it.each([
    ['is given twice', withRecords([0, 0, 2], opt(0, 0), opt(0, 0))],
    ['is not in its section', withRecords([1, 0, 0], opt(0, 0))],
    ['has an owner', withRecords([0, 0, 1], Buffer.from([1, 97]), opt(0, 0))],
    ['is longer than the message', withRecords([0, 0, 1], opt(0, 9))],
    ['has an option that is longer than it', withRecords([0, 0, 1], opt(0, 4, 0, 10, 0, 1))],
    ['has half an option', withRecords([0, 0, 1], opt(0, 2, 0, 10))],
  ])('is refused as malformed where it %s', async (_, bytes) => {
    const [answer] = await answersTo(bytes)
    expect(rcodeOf(answer ?? Buffer.alloc(12))).toBe(FORMERR)
  })

  it('is found behind other records, whose names may be pointers', async () => {
    const other = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0])
    const [answer] = await answersTo(withRecords([1, 1, 2], other, other, other, opt(0, 0)))
    expect(packet.decode(answer ?? Buffer.alloc(0)).additionals).toMatchObject([{ type: 'OPT' }])
  })
})

describe('any bytes', () => {
  const handle = handlerWithoutLimits()
  const sources = [{ transport: 'udp', address: '192.0.2.1' }, { transport: 'tcp' }] as const

  async function expectSound(bytes: Buffer): Promise<void> {
    for (const source of sources) {
      const answer = await handle(bytes, source)
      if (!answer) continue
      expect(answer.readUInt16BE(0)).toBe(bytes.readUInt16BE(0))
      expect(answer[2] ?? 0).toBeGreaterThanOrEqual(0x80)
      expect(answer.length).toBeLessThanOrEqual(MAX_UDP_BYTES)
      packet.decode(answer)
    }
  }

  it('are answered with a message or not at all', async () => {
    const bytes = fc.uint8Array({ maxLength: 600 }).map((each) => Buffer.from(each))
    await fc.assert(fc.asyncProperty(bytes, expectSound), { interruptAfterTimeLimit: 4_000 })
  })

  it('in place of some of a good query’s are too', async () => {
    const good = fc.constantFrom(
      dnsQuery(`app.customer.com.${UUID}.${DCV_ZONE}`, 'TXT'),
      dnsQuery(`a.${DCV_ZONE}`, 'A', {
        additionals: [
          {
            type: 'OPT',
            name: '.',
            udpPayloadSize: 1232,
            extendedRcode: 0,
            ednsVersion: 0,
            flags: 0,
            flag_do: false,
            options: [],
          },
        ],
      }),
    )
    const changes = fc.array(fc.tuple(fc.nat(90), fc.nat(255)), { maxLength: 6 })
    const mutated = fc.tuple(good, changes).map(([query, each]) => {
      const bytes = Buffer.from(query)
      for (const [at, value] of each) if (at < bytes.length) bytes[at] = value
      return bytes
    })
    await fc.assert(fc.asyncProperty(mutated, expectSound), {
      numRuns: 2_000,
      interruptAfterTimeLimit: 4_000,
    })
  })
})

function handlerWithoutLimits(): Handler {
  const metrics = new DnsMetrics(new Metrics())
  const nameServer = parseHostname(`ns1.${DCV_ZONE}`, { allowReservedTlds: true })
  const zone = createServedZone({
    name: DCV_ZONE,
    nameServers: [{ name: nameServer, addresses: ['192.0.2.53'] }],
  })
  const lookups = new Lookups({ records, clock, coldRate: { perSecond: 1e9, burst: 1e9 } })
  const limiter = new RateLimiter({ clock, rate: { perSecond: 1e9, burst: 1e9 } })
  const respond = createResponder({ zone, lookups, metrics, clock, log })
  return createHandler({ zone, respond, limiter, metrics })
}
