import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'

import { createAuthoritativeResolver } from '#control/dns/authoritative-resolver.ts'
import { createDelegationCache } from '#control/dns/delegation.ts'
import type { Reply } from '#control/dns/message.ts'
import { watchReach } from '#control/dns/reach.ts'
import type { NoReply } from '#control/dns/exchange.ts'
import type { AuthoritativeResolver } from '#control/dns/resolver.ts'
import { systemRandom } from '#lib/random.ts'
import { fakeClock, type FakeClock } from '#test/fake-clock.ts'
import { freePort } from '#test/ports.ts'
import {
  aRecord,
  nsRecord,
  replyTo,
  startRawDnsServer,
  type RawDnsServer,
} from '#test/raw-dns-server.ts'
import { reservedName as name } from '#test/test-ca.ts'
import { INSIDE_TOO } from '#test/test-resolver.ts'

const never = new AbortController().signal
const MINUTE = 60_000

let clock: FakeClock
beforeEach(() => {
  clock = fakeClock()
})

describe('a delegation', () => {
  const stack = new AsyncDisposableStack()
  let root: RawDnsServer
  let child: RawDnsServer
  let resolver: AuthoritativeResolver
  let ttl: number

  beforeAll(async () => {
    const port = await freePort()
    root = stack.use(await startRawDnsServer({ address: '127.10.5.1', port }))
    child = stack.use(await startRawDnsServer({ address: '127.10.5.2', port }))
    root.onQuestion = (question) => {
      const authorities = [{ ...nsRecord('customer.test', 'ns.customer.test'), ttl }]
      const additionals = [aRecord('ns.customer.test', child.address)]
      question.send(replyTo(question, { flags: 0, authorities, additionals }))
    }
    child.onQuestion = (question) => {
      const answers = question.type === 'A' ? [aRecord(question.name, '192.0.2.1')] : []
      question.send(replyTo(question, { answers }))
    }
  })
  afterAll(() => stack.disposeAsync())

  beforeEach(() => {
    ttl = 120
    const roots = [root.endpoint]
    const where = { servers: [], roots, authoritativePort: root.port, addressRule: INSIDE_TOO }
    resolver = createAuthoritativeResolver({ ...where, clock, random: systemRandom })
  })

  /** How many questions the root is asked for it. */
  async function ask(text: string): Promise<number> {
    const before = root.questions.length
    const found = await resolver.resolveAddresses(name(text), never)
    expect(found).toMatchObject({ values: [{ address: '192.0.2.1' }] })
    return root.questions.length - before
  }

  it('is kept as long as its records say, for all names of the zone', async () => {
    expect(await ask('a.customer.test')).toBe(2)
    expect(await ask('b.customer.test')).toBe(0)
    clock.jump(clock.now() + 2 * MINUTE)
    expect(await ask('c.customer.test')).toBe(2)
  })

  it('is kept for an hour at most', async () => {
    ttl = 172_800
    expect(await ask('a.customer.test')).toBe(2)
    clock.jump(clock.now() + 59 * MINUTE)
    expect(await ask('a.customer.test')).toBe(0)
    clock.jump(clock.now() + MINUTE)
    expect(await ask('a.customer.test')).toBe(2)
  })

  it('is not kept where its records forbid it', async () => {
    ttl = 0
    expect(await ask('a.customer.test')).toBe(2)
    expect(await ask('a.customer.test')).toBe(2)
  })

  it('is asked for anew by a survey', async () => {
    await ask('a.customer.test')
    const before = root.questions.length
    await resolver.survey(name('a.customer.test'), 'A', never)
    expect(root.questions.length).toBeGreaterThan(before)
  })

  it('is not kept beyond its time where the clock is set back', () => {
    const cache = createDelegationCache({ clock })
    cache.put({ apex: 'a.test', servers: [], ttl: 60 })
    expect(cache.find('a.test')).toBeDefined()
    clock.jump(clock.now() - 60 * MINUTE)
    expect(cache.find('a.test')).toBeUndefined()
  })

  it('gives way to newer ones where there are too many', () => {
    const cache = createDelegationCache({ clock, maxZones: 2 })
    for (const apex of ['a.test', 'b.test', 'c.test']) cache.put({ apex, servers: [], ttl: 60 })
    expect(cache.find('a.test')).toBeUndefined()
    expect(cache.findClosest('www.shop.c.test')).toMatchObject({ apex: 'c.test' })
    expect(cache.findClosest('www.c.test', 1)).toBeUndefined()
  })
})

describe('the way to authoritative servers', () => {
  const server = { address: '192.0.2.1', port: 53 }
  const query = { name: 'a.test', type: 'A' as const }
  const REPLY: Reply = {
    rcode: 0,
    isAuthoritative: true,
    isTruncated: false,
    isValidated: false,
    answers: [],
    authorities: [],
    additionals: [],
  }
  let next: Reply | NoReply

  function watch(): ReturnType<typeof watchReach> & {
    hear(...heard: (Reply | NoReply)[]): Promise<void>
  } {
    const reach = watchReach(async () => next, clock)
    const limits = { signal: never, timeUp: never, budget: { messages: 1 } }
    return {
      ...reach,
      async hear(...heard) {
        for (next of heard) await reach.exchange(server, query, limits)
      },
    }
  }

  it('counts as closed after several silences, for a minute', async () => {
    const reach = watch()
    await reach.hear('timeout', 'refused', 'unreachable')
    expect(reach.isBlocked()).toBe(false)
    await reach.hear('timeout')
    expect(reach.isBlocked()).toBe(true)
    clock.jump(clock.now() + MINUTE + 1)
    expect(reach.isBlocked()).toBe(false)
    await reach.hear('timeout')
    expect(reach.isBlocked()).toBe(true)
  })

  it('counts as open as long as the last reply is not old', async () => {
    const reach = watch()
    await reach.hear(REPLY, 'timeout', 'timeout', 'timeout', 'timeout', 'timeout')
    expect(reach.isBlocked()).toBe(false)
    clock.jump(clock.now() + 5 * MINUTE)
    await reach.hear('timeout')
    expect(reach.isBlocked()).toBe(true)
    await reach.hear(REPLY)
    expect(reach.isBlocked()).toBe(false)
  })

  it('is not judged by what was not sent', async () => {
    const reach = watch()
    await reach.hear('spent', 'spent', 'spent', 'spent', 'spent')
    expect(reach.isBlocked()).toBe(false)
  })
})
