import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import type { DcvRecords } from '#control/dns/authoritative/dcv-records.ts'
import { DCV_ZONE, startDcvDns, UUID, type DcvDns } from '#test/dcv-dns.ts'
import { dig } from '#test/dig.ts'
import { dnsQuery, messagesIn, withLength } from '#test/dns-bytes.ts'
import { fakeClock, type FakeClock } from '#test/fake-clock.ts'
import { rawClient, type RawClient } from '#test/raw-client.ts'
import { waitUntil } from '#test/wait.ts'

const IDLE_MS = 10_000
const LIMITS = { connections: 6, connectionsPerPrefix: 6, inFlight: 4 }
const NAME = `app.customer.com.${UUID}.${DCV_ZONE}`

let clock: FakeClock
let dns: DcvDns
let waiting: (() => void)[]
let isHeld: boolean

/** While held, every name's answer waits to be released. */
const records: DcvRecords = {
  hasDelegation: async (uuid) => uuid === UUID,
  findTxt: async (hostname) => {
    if (isHeld) await new Promise<void>((resolve) => waiting.push(resolve))
    return [hostname.length > 60 ? 'x'.repeat(255) : 'value']
  },
}

beforeEach(async () => {
  waiting = []
  isHeld = false
  clock = fakeClock()
  dns = await startDcvDns({ records, clock, limits: { tcp: LIMITS } })
})
afterEach(async () => {
  for (const release of waiting) release()
  await dns[Symbol.asyncDispose]()
})

const connect = (): Promise<RawClient> => rawClient(dns.address.port)
const query = (id: number, name = NAME): Buffer => withLength(dnsQuery(name, 'TXT', { id }))
const idsOf = (client: RawClient | undefined): number[] =>
  client ? messagesIn(client.received()).map(({ id = 0 }) => id) : []
/** The ids of the answers, once there are as many. */
async function idsWhen(client: RawClient, count: number): Promise<number[]> {
  await waitUntil(`${count} answers came`, () => idsOf(client).length >= count)
  return idsOf(client)
}

describe('DNS over TCP', () => {
  it('answers many queries of one connection', async () => {
    using client = await connect()
    client.send(Buffer.concat([query(1), query(2), query(3)]))
    expect(await idsWhen(client, 3)).toEqual([1, 2, 3])
    client.send(query(4))
    expect(await idsWhen(client, 4)).toEqual([1, 2, 3, 4])
  })

  it('puts a query together from any pieces', async () => {
    using client = await connect()
    for (const byte of Buffer.concat([query(1), query(2)])) client.send(Buffer.from([byte]))
    expect(await idsWhen(client, 2)).toEqual([1, 2])
  })

  it('does not let a slow answer hold up the next', async () => {
    using client = await connect()
    isHeld = true
    client.send(query(1))
    await waitUntil('the first is being looked up', () => waiting.length === 1)
    client.send(withLength(dnsQuery(DCV_ZONE, 'SOA', { id: 2 })))
    expect(await idsWhen(client, 1)).toEqual([2])
    waiting.forEach((release) => release())
    expect(await idsWhen(client, 2)).toEqual([2, 1])
  })

  it('answers a client that has said all, then closes', async () => {
    using client = await connect()
    client.socket.end(Buffer.concat([query(1), query(2)]))
    await client.closed
    expect(idsOf(client)).toEqual([1, 2])
  })

  it('closes where no message can follow', async () => {
    for (const bytes of [
      [0, 0],
      [0, 11, ...Array(11).fill(0)],
      [0x10, 0x01, 0],
      [0xff, 0xff],
    ]) {
      using client = await connect()
      client.send(Buffer.from(bytes))
      await client.closed
      expect(client.received()).toHaveLength(0)
    }
  })

  it('closes on an answer, to which there is none', async () => {
    using client = await connect()
    client.send(withLength(dnsQuery(DCV_ZONE, 'SOA', { type: 'response' })))
    await client.closed
    expect(client.received()).toHaveLength(0)
  })
})

describe('a client that is slow or silent', () => {
  it('is closed when no whole query has come for a while', async () => {
    using silent = await connect()
    using slow = await connect()
    slow.send(query(1))
    expect(await idsWhen(slow, 1)).toEqual([1])
    slow.send(query(2).subarray(0, 10))
    await waitUntil('both are known', async () => (await accepted()) === 2)
    await clock.advance(IDLE_MS - 1)
    slow.send(query(2).subarray(10, 11))
    expect(silent.socket.destroyed).toBe(false)
    await clock.advance(1)
    await Promise.all([silent.closed, slow.closed])
    expect(idsOf(slow)).toEqual([1])
  })

  it('may stay as long as it asks', async () => {
    using client = await connect()
    for (const id of [1, 2, 3]) {
      client.send(query(id))
      expect(await idsWhen(client, id)).toEqual([1, 2, 3].slice(0, id))
      await clock.advance(IDLE_MS - 1)
    }
    expect(client.socket.destroyed).toBe(false)
  })

  it('is not read from while it does not take its answers', async () => {
    using client = await connect()
    client.socket.pause()
    const long = `${'a'.repeat(63)}.com.${UUID}.${DCV_ZONE}`
    const many = Buffer.concat(Array.from({ length: 60_000 }, (_, id) => query(id, long)))
    client.send(many)
    let before = -1
    await waitUntil('no more is answered', async () => {
      const count = await answered()
      const isStill = count > 0 && count === before
      before = count
      await new Promise((resolve) => setTimeout(resolve, 200))
      return isStill
    })
    expect(await answered()).toBeLessThan(60_000)
    client.socket.resume()
    await waitUntil('all is answered', async () => (await answered()) === 60_000)
  })
})

describe('too many', () => {
  it('queries at a time of one connection wait their turn', async () => {
    using client = await connect()
    isHeld = true
    const names = [1, 2, 3, 4, 5, 6].map((n) => `n${n}.com.${UUID}.${DCV_ZONE}`)
    client.send(Buffer.concat(names.map((name, i) => query(i, name))))
    await waitUntil('four are looked up', () => waiting.length === LIMITS.inFlight)
    await dig(dns.address, DCV_ZONE, 'SOA', '+tcp')
    expect(waiting).toHaveLength(LIMITS.inFlight)
    isHeld = false
    waiting.forEach((release) => release())
    await waitUntil('all are answered', () => idsOf(client).length === 6)
  })

  it('connections: the one that was quiet longest gives way', async () => {
    const limits = { tcp: { connections: 3, connectionsPerPrefix: 64 } }
    await using small = await startDcvDns({ records, clock, limits })
    const { port } = small.address
    const clients: RawClient[] = []
    for (let i = 0; i < 3; i++) {
      const client = await rawClient(port)
      clients.push(client)
      client.send(query(i))
      expect(await idsWhen(client, 1)).toEqual([i])
    }
    clients[0]?.send(query(9))
    await waitUntil('the first asked again', () => idsOf(clients[0]).includes(9))
    using newest = await rawClient(port)
    newest.send(query(4))
    expect(await idsWhen(newest, 1)).toEqual([4])
    await clients[1]?.closed
    expect(clients.map(({ socket }) => socket.closed)).toEqual([false, true, false])
    expect(await small.metrics()).toContain('custos_dns_connections_total{result="crowded-out"} 1')
    clients.forEach(({ socket }) => socket.destroy())
  })

  it('connections of one prefix are refused', async () => {
    const clients = await Promise.all(Array.from({ length: 6 }, connect))
    await waitUntil('all are known', async () => (await accepted()) === 6)
    using refused = await connect()
    await refused.closed
    expect(await dns.metrics()).toContain('custos_dns_connections_total{result="refused"} 1')
    clients[0]?.socket.destroy()
    await clients[0]?.closed
    await waitUntil('there is room', async () => {
      const answer = await dig(dns.address, DCV_ZONE, 'SOA', '+tcp').catch(() => undefined)
      return answer?.status === 'NOERROR'
    })
    clients.forEach(({ socket }) => socket.destroy())
  })
})

async function accepted(): Promise<number> {
  return Number(/connections_total\{result="accepted"\} (\d+)/.exec(await dns.metrics())?.[1])
}

async function answered(): Promise<number> {
  return Number(/queries_total\{transport="tcp",[^}]*\} (\d+)/.exec(await dns.metrics())?.[1] ?? 0)
}

describe('closing', () => {
  it('answers what was asked, and lets nobody hold it up', async () => {
    using idle = await connect()
    using asking = await connect()
    isHeld = true
    asking.send(query(1))
    await waitUntil('it is looked up', () => waiting.length === 1)
    const closing = dns.server.close()
    await idle.closed
    waiting.forEach((release) => release())
    await closing
    await asking.closed
    expect(idsOf(asking)).toEqual([1])
  })
})
