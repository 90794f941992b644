import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { renderHold } from '#control/publisher/render-binding.ts'
import {
  HEARTBEAT_TTL_MS,
  type ChangeId,
  type DirectoryPublisher,
  type EdgeDirectory,
  type Heartbeat,
} from '#directory/directory.ts'
import { MAX_SIGHTING_DETAIL, MAX_SIGHTINGS, type Sighting } from '#directory/sighting.ts'
import { TLS_ALPN_PATH } from '#domain/binding.ts'
import { ChangeReader } from '#test/change-reader.ts'
import { hostname, sampleBinding, sampleChain } from '#test/sample-binding.ts'

import { changeLogContract } from './change-log-contract.ts'
import type { DirectoryUnderTest } from './directory-under-test.ts'

const unavailable = { name: 'DirectoryError', kind: 'unavailable' }

/** What every directory promises (directory.ts). Each adapter's tests run it unchanged. */
export function directoryContract(name: string, open: () => Promise<DirectoryUnderTest>): void {
  describe(`${name}: the directory's contract`, () => {
    let directory: DirectoryUnderTest
    let edge: EdgeDirectory
    let publisher: DirectoryPublisher
    let stack: AsyncDisposableStack

    beforeEach(async () => {
      stack = new AsyncDisposableStack()
      directory = stack.use(await open())
      publisher = stack.use(await directory.openPublisher())
      edge = stack.use(await directory.openEdge())
    })
    afterEach(() => stack.disposeAsync())

    const watch = (from: EdgeDirectory, after?: ChangeId): ChangeReader =>
      stack.use(new ChangeReader(from, after))
    const app = hostname('app.customer.test')

    describe('before it was filled', () => {
      it('rejects what an edge looks up as unavailable', async () => {
        await publisher.publish(sampleBinding('app.customer.test'))
        await expect(edge.findBinding(app)).rejects.toMatchObject(unavailable)
        await expect(edge.findAnswer(app, '/x', 0)).rejects.toMatchObject(unavailable)
        await expect(edge.listTicketKeys()).rejects.toMatchObject(unavailable)
      })

      it('has no epoch and lets the control plane see that nothing was published', async () => {
        expect(await publisher.readEpoch()).toBeUndefined()
        expect(await publisher.listTicketKeys()).toEqual([])
      })

      it('takes heartbeats', async () => {
        await edge.beat(heartbeat('edge-1'))
        expect(await publisher.listEdges(1_000)).toEqual([heartbeat('edge-1')])
      })

      it('answers once the epoch is written', async () => {
        await publisher.writeEpoch('first')
        expect(await publisher.readEpoch()).toBe('first')
        expect(await edge.findBinding(app)).toBeUndefined()
        expect(await edge.findAnswer(app, '/x', 0)).toBeUndefined()
        expect(await edge.listTicketKeys()).toEqual([])
      })
    })

    describe('once filled', () => {
      beforeEach(() => publisher.writeEpoch('first'))

      it('finds a binding exactly as it was published', async () => {
        const binding = sampleBinding('app.customer.test', {
          missing: ['The CNAME record does not point here yet. Größe: 1'],
          tls: {
            minVersion: '1.3',
            tls13: true,
            http2: false,
            earlyHints: true,
            ciphers: ['ECDHE-RSA-AES128-GCM-SHA256'],
          },
          origin: { scheme: 'http', host: '::1', port: 65_535, serverName: 'sni.customer.test' },
        })
        await publisher.publish(binding)
        expect(await edge.findBinding(app)).toEqual(binding)
      })

      it('finds a binding that has neither certificate nor origin yet', async () => {
        const binding = sampleBinding('app.customer.test', { chains: [], origin: undefined })
        await publisher.publish(binding)
        expect(await edge.findBinding(app)).toEqual(binding)
      })

      it('replaces the chains of a name, with new intermediates', async () => {
        await publisher.publish(sampleBinding('app.customer.test'))
        await edge.findBinding(app)
        const chain = sampleChain('ecdsa', { intermediates: [Uint8Array.of(7), Uint8Array.of(8)] })
        const renewed = sampleBinding('app.customer.test', {
          serial: 1_790_000_000_001,
          chains: [chain],
        })
        await publisher.publish(renewed)
        expect(await edge.findBinding(app)).toEqual(renewed)
      })

      it('finds the exact name before the wildcard of its parent', async () => {
        const parent = sampleBinding('customer.test', { wildcard: true })
        await publisher.publish(parent)
        expect(await edge.findBinding(app)).toEqual(parent)
        expect(await edge.findBinding(parent.hostname)).toEqual(parent)
        const exact = sampleBinding('app.customer.test')
        await publisher.publish(exact)
        expect(await edge.findBinding(app)).toEqual(exact)
      })

      it('lets a wildcard cover one label only, and a plain name none', async () => {
        await publisher.publish(sampleBinding('customer.test', { wildcard: true }))
        await publisher.publish(sampleBinding('plain.test'))
        expect(await edge.findBinding(hostname('a.app.customer.test'))).toBeUndefined()
        expect(await edge.findBinding(hostname('app.plain.test'))).toBeUndefined()
      })

      it('lets a hold stand before a wildcard, but after any record of the name', async () => {
        const wildcard = sampleBinding('customer.test', { wildcard: true })
        await publisher.publish(wildcard)
        const held = renderHold(app)
        await publisher.publish(held)
        expect(await edge.findBinding(app)).toEqual(held)
        const exact = sampleBinding('app.customer.test', { serial: 1 })
        await publisher.publish(exact)
        await publisher.publish(held)
        await publisher.withdraw(app, held.hostnameId)
        expect(await edge.findBinding(app)).toEqual(exact)
        await publisher.withdraw(app, exact.hostnameId)
        await publisher.publish(held)
        await publisher.withdraw(app, held.hostnameId)
        expect(await edge.findBinding(app)).toEqual(wildcard)
      })

      it('keeps the larger serial and announces the smaller one all the same', async () => {
        const reader = watch(edge)
        await reader.next()
        const newer = sampleBinding('app.customer.test', { serial: 20 })
        const older = sampleBinding('app.customer.test', { serial: 9, wildcard: true })
        const first = await publisher.publish(newer)
        const second = await publisher.publish(older)
        expect(await edge.findBinding(app)).toEqual(newer)
        expect(await edge.findBinding(hostname('a.app.customer.test'))).toBeUndefined()
        expect(await reader.changes(2)).toEqual([
          { id: first, kind: 'published', name: app },
          { id: second, kind: 'published', name: app },
        ])
      })

      it('replaces a binding of the same serial', async () => {
        await publisher.publish(sampleBinding('app.customer.test', { serial: 7 }))
        const again = sampleBinding('app.customer.test', { serial: 7, wildcard: true })
        await publisher.publish(again)
        expect(await edge.findBinding(app)).toEqual(again)
      })

      it('withdraws a binding whatever its serial, but not that of another hostname', async () => {
        const reader = watch(edge)
        await reader.next()
        await publisher.publish(sampleBinding('app.customer.test', { hostnameId: 'new' }))
        const other = await publisher.withdraw(app, 'old')
        expect(await edge.findBinding(app)).toBeDefined()
        const own = await publisher.withdraw(app, 'new')
        expect(await edge.findBinding(app)).toBeUndefined()
        const [, ...removals] = await reader.changes(3)
        expect(removals).toEqual([
          { id: other, kind: 'removed', name: app },
          { id: own, kind: 'removed', name: app },
        ])
      })

      it('takes a smaller serial again after a withdrawal', async () => {
        await publisher.publish(sampleBinding('app.customer.test', { serial: 50 }))
        await publisher.withdraw(app, 'id-of-app.customer.test')
        const fresh = sampleBinding('app.customer.test', { serial: 1 })
        await publisher.publish(fresh)
        expect(await edge.findBinding(app)).toEqual(fresh)
      })

      it('gives an answer for its name and path until it expires', async () => {
        const now = Date.now()
        const answer = { hostname: app, path: '/.well-known/a', body: 'x', expiresAt: now + 60_000 }
        await publisher.putAnswer(answer)
        expect(await edge.findAnswer(app, answer.path, now)).toEqual(answer)
        expect(await edge.findAnswer(app, answer.path, now + 60_000)).toBeUndefined()
        expect(await edge.findAnswer(app, '/.well-known/b', now)).toBeUndefined()
        expect(await edge.findAnswer(hostname('b.test'), answer.path, now)).toBeUndefined()
      })

      it('replaces and removes answers', async () => {
        const expiresAt = Date.now() + 60_000
        await publisher.putAnswer({ hostname: app, path: '/a', body: 'one', expiresAt })
        await publisher.putAnswer({ hostname: app, path: '/a', body: 'two\n', expiresAt })
        expect((await edge.findAnswer(app, '/a', 0))?.body).toBe('two\n')
        await publisher.removeAnswer(app, '/a')
        expect(await edge.findAnswer(app, '/a', 0)).toBeUndefined()
      })

      it('gives the answer to a tls-alpn-01 challenge under no path of HTTP', async () => {
        const expiresAt = Date.now() + 60_000
        const answer = { hostname: app, path: TLS_ALPN_PATH, body: 'a.b', expiresAt }
        await publisher.putAnswer(answer)
        expect(await edge.findAnswer(app, TLS_ALPN_PATH, 0)).toEqual(answer)
        expect(await edge.findAnswer(app, `/${TLS_ALPN_PATH}`, 0)).toBeUndefined()
        expect(await edge.findAnswer(hostname('customer.test'), TLS_ALPN_PATH, 0)).toBeUndefined()
        await publisher.removeAnswer(app, TLS_ALPN_PATH)
        expect(await edge.findAnswer(app, TLS_ALPN_PATH, 0)).toBeUndefined()
      })

      it('holds no answer that has expired already', async () => {
        await publisher.putAnswer({ hostname: app, path: '/a', body: 'x', expiresAt: 1 })
        expect(await edge.findAnswer(app, '/a', Date.now())).toBeUndefined()
      })

      it('refuses answers over their limits and finds none under hopeless paths', async () => {
        const expiresAt = Date.now() + 60_000
        const put = (path: string, body: string): Promise<void> =>
          publisher.putAnswer({ hostname: app, path, body, expiresAt })
        await expect(put('/a', 'x'.repeat(4_097))).rejects.toThrow('at most 4096 bytes: has 4097')
        await expect(put('/a', 'é')).rejects.toThrow('must be ASCII')
        await expect(put('a', 'x')).rejects.toThrow('must begin with /')
        expect(await edge.findAnswer(app, `/${'a'.repeat(100_000)}`, 0)).toBeUndefined()
      })

      it('hands out the ticket keys in their order and announces new ones', async () => {
        const reader = watch(edge)
        await reader.next()
        const keys = [2, 1].map((n) => ({ sealed: new Uint8Array(80).fill(n), createdAt: n }))
        const id = await publisher.putTicketKeys(keys)
        expect(await edge.listTicketKeys()).toEqual(keys)
        expect(await publisher.listTicketKeys()).toEqual(keys)
        expect(await reader.changes(1)).toEqual([{ id, kind: 'ticket-keys', name: '' }])
      })

      it('sweeps bindings of names that nobody knows', async () => {
        for (const name of ['a.test', 'b.test', 'c.test']) {
          await publisher.publish(sampleBinding(name))
        }
        const reader = watch(edge)
        await reader.next()
        const asked: string[] = []
        const removed = await publisher.sweep(async (name, hostnameId) => {
          asked.push(`${name} ${hostnameId}`)
          return name !== 'b.test'
        })
        expect(removed).toBe(1)
        expect(asked).toEqual(['a.test id-of-a.test', 'b.test id-of-b.test', 'c.test id-of-c.test'])
        expect(await edge.findBinding(hostname('b.test'))).toBeUndefined()
        expect(await edge.findBinding(hostname('a.test'))).toBeDefined()
        expect(await reader.changes(1)).toMatchObject([{ kind: 'removed', name: 'b.test' }])
      })
    })

    describe('its edges', () => {
      it('are listed with what they last reported, in any number', async () => {
        const other = stack.use(await directory.openEdge())
        await edge.beat(heartbeat('edge-1'))
        await other.beat(heartbeat('edge-2'))
        await edge.beat({ ...heartbeat('edge-1'), applied: 'later', at: 2_000 })
        const edges = await publisher.listEdges(2_000)
        expect(edges.sort((a, b) => a.edgeId.localeCompare(b.edgeId))).toEqual([
          { ...heartbeat('edge-1'), applied: 'later', at: 2_000 },
          heartbeat('edge-2'),
        ])
      })

      it('tell what they saw, as they saw it, until they tell nothing', async () => {
        const seen: Sighting[] = [
          { ...sighting(1), hostnameId: 'id-of-app.customer.test' },
          { ...sighting(2), kind: 'first-handshake', detail: 'ecdsa, TLSv1.3' },
          { ...sighting(Number.MAX_SAFE_INTEGER), detail: '' },
        ]
        await edge.beat({ ...heartbeat('edge-1'), sightings: seen })
        await edge.beat(heartbeat('edge-2'))
        const told = async (): Promise<unknown> =>
          new Map((await publisher.listEdges(1_000)).map((beat) => [beat.edgeId, beat.sightings]))
        expect(await told()).toEqual(
          new Map([
            ['edge-1', seen],
            ['edge-2', undefined],
          ]),
        )
        await edge.beat(heartbeat('edge-1'))
        expect(await told()).toEqual(
          new Map([
            ['edge-1', undefined],
            ['edge-2', undefined],
          ]),
        )
      })

      it('may tell as much as a heartbeat carries at most', async () => {
        const name = hostname(
          `${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(56)}.test`,
        )
        const detail = '~'.repeat(MAX_SIGHTING_DETAIL)
        const sightings = Array.from({ length: MAX_SIGHTINGS }, (_, at) => {
          return { ...sighting(at + 1), name, detail }
        })
        await edge.beat({ ...heartbeat('edge-1'), sightings })
        expect(await publisher.listEdges(1_000)).toEqual([{ ...heartbeat('edge-1'), sightings }])
      })

      it('are gone at once when they leave', async () => {
        await edge.beat(heartbeat('edge-1'))
        await edge.leave('edge-1')
        await edge.leave('never-there')
        expect(await publisher.listEdges(1_000)).toEqual([])
      })

      it('count as gone after a silence', async () => {
        const now = Date.now()
        await edge.beat({ ...heartbeat('edge-1'), at: now })
        expect(await publisher.listEdges(now + HEARTBEAT_TTL_MS / 2)).toHaveLength(1)
        expect(await publisher.listEdges(now + HEARTBEAT_TTL_MS + 5_000)).toEqual([])
      })
    })

    describe('its losses', () => {
      it('are none while the newest change is there', async () => {
        const first = await publisher.writeEpoch('first')
        const second = await publisher.publish(sampleBinding('app.customer.test'))
        expect(await publisher.hasLost(first)).toBe(false)
        expect(await publisher.hasLost(second)).toBe(false)
      })

      it('show after it came back from an older copy, also when more is written to that', async () => {
        const kept = await publisher.writeEpoch('first')
        const bringBack = await directory.copy()
        const lost = await publisher.publish(sampleBinding('app.customer.test'))
        await bringBack()
        expect(await publisher.readEpoch()).toBe('first')
        expect(await publisher.hasLost(lost)).toBe(true)
        const next = await publisher.publish(sampleBinding('other.customer.test'))
        expect(await publisher.hasLost(lost)).toBe(true)
        expect(await publisher.hasLost(kept)).toBe(false)
        expect(await publisher.hasLost(next)).toBe(false)
      })

      it('do not count what the log was cut by', async () => {
        const short = stack.use(await directory.openPublisher({ changeLogLength: 1 }))
        const old = await short.writeEpoch('first')
        // Redis cuts whole nodes of 100 entries.
        for (let i = 0; i < 250; i++) await short.withdraw(app, 'nobody')
        expect(await short.hasLost(old)).toBe(false)
      })

      it('are total in another kind of directory', async () => {
        await publisher.writeEpoch('first')
        expect(await publisher.hasLost('another kind')).toBe(true)
      })
    })

    describe('once closed', () => {
      it('rejects calls as unavailable, and may be closed again', async () => {
        await publisher.writeEpoch('first')
        await edge.close()
        await edge.close()
        await publisher.close()
        await expect(edge.findBinding(app)).rejects.toMatchObject(unavailable)
        await expect(edge.beat(heartbeat('edge-1'))).rejects.toMatchObject(unavailable)
        await expect(publisher.readEpoch()).rejects.toMatchObject(unavailable)
      })
    })
  })
  changeLogContract(name, open)
}

function sighting(sequence: number): Sighting {
  const detail = 'http-01 by 2001:db8::1, A CA/1.0 (+https://ca.test; "x")'
  return {
    sequence,
    kind: 'challenge-fetched',
    name: hostname('app.customer.test'),
    at: 900,
    detail,
  }
}

function heartbeat(edgeId: string): Heartbeat {
  return { edgeId, applied: 'a', at: 1_000, version: '1.2.3' }
}
