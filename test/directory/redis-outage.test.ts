import { Redis } from 'ioredis'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import { openDirectoryPublisher, openEdgeDirectory } from '#directory/open-directory.ts'
import type { DirectoryPublisher, EdgeDirectory } from '#directory/directory.ts'
import { openRedisEdgeDirectory } from '#directory/redis-edge-directory.ts'
import { systemClock as clock } from '#lib/clock.ts'
import { createLogger, silentLogger } from '#lib/log.ts'
import { systemRandom as random } from '#lib/random.ts'
import { ChangeReader } from '#test/change-reader.ts'
import { hostname, sampleBinding } from '#test/sample-binding.ts'
import { startRedis, type RedisServer } from '#test/servers.ts'

const unavailable = { name: 'DirectoryError', kind: 'unavailable' }
const app = hostname('app.customer.test')

describe('the directory in Redis', () => {
  let stack: AsyncDisposableStack
  let server: RedisServer
  let edge: EdgeDirectory
  let publisher: DirectoryPublisher

  beforeEach(async () => {
    stack = new AsyncDisposableStack()
    server = stack.use(await startRedis())
    const options = { redisUrl: server.url, path: '', clock, random, logger: silentLogger }
    edge = stack.use(await openEdgeDirectory(options))
    publisher = stack.use(await openDirectoryPublisher(options))
    await fill('first')
  })
  afterEach(() => stack.disposeAsync())

  const fill = async (epoch: string): Promise<void> => {
    await publisher.publish(sampleBinding('app.customer.test'))
    await publisher.writeEpoch(epoch)
  }
  const watch = (): ChangeReader => stack.use(new ChangeReader(edge, undefined))

  it('rejects at once while Redis is killed, and heals when it is back on its port', async () => {
    const reader = watch()
    await reader.next()
    const reads = Array.from({ length: 200 }, () => edge.findBinding(app))
    const [outcomes] = await Promise.all([Promise.allSettled(reads), server.kill()])
    const ends = outcomes.map((outcome) =>
      outcome.status === 'fulfilled' ? outcome.value?.hostname : outcome.reason?.kind,
    )
    expect(ends.filter((end) => end !== app && end !== 'unavailable')).toEqual([])
    await vi.waitFor(() => expect(edge.findBinding(app)).rejects.toMatchObject(unavailable))
    // A connection that is down queues nothing: a thousand calls are a thousand immediate errors.
    const calls = Array.from({ length: 1_000 }, () => edge.findBinding(app).catch(() => 'rejected'))
    const first = await Promise.race([Promise.all(calls), server.restart()])
    expect(first).toEqual(calls.map(() => 'rejected'))

    await vi.waitFor(async () => expect(await publisher.readEpoch()).toBeUndefined(), 10_000)
    await vi.waitFor(() => expect(edge.findBinding(app)).rejects.toThrow('not filled yet'), 10_000)
    await fill('second')
    expect((await edge.findBinding(app))?.hostname).toBe(app)
    expect(await reader.next()).toMatchObject({ changes: [], gap: true })
    const next = await publisher.publish(sampleBinding('b.test'))
    expect(await reader.next()).toMatchObject({ upTo: next, gap: false })
  })

  it('looks down after FLUSHALL until it is filled again, then admits the gap', async () => {
    const reader = watch()
    await reader.next()
    const admin = new Redis(server.url)
    stack.defer(() => admin.disconnect())
    await admin.flushall()
    await expect(edge.findBinding(app)).rejects.toMatchObject(unavailable)
    await fill('second')
    expect((await edge.findBinding(app))?.chains[0]?.intermediates).toHaveLength(1)
    expect(await reader.next()).toMatchObject({ changes: [], gap: true })
  })

  it('reads a name in one round trip, intermediates once', async () => {
    const admin = new Redis(server.url)
    stack.defer(() => admin.disconnect())
    const commands = async (): Promise<number> => {
      const info = await admin.info('commandstats')
      return Number(/cmdstat_mget:calls=(\d+)/.exec(info)?.[1] ?? 0)
    }
    await edge.findBinding(app)
    const before = await commands()
    for (let i = 0; i < 5; i++) await edge.findBinding(app)
    expect((await commands()) - before).toBe(5)
  })

  it('lets no key live for ever but those of the filling, all under one hash tag', async () => {
    const admin = new Redis(server.url)
    stack.defer(() => admin.disconnect())
    const expiresAt = Date.now() + 60_000
    await publisher.putAnswer({ hostname: app, path: '/a', body: 'x', expiresAt })
    await edge.beat({ edgeId: 'e', applied: '', at: 0, version: '' })
    const keys = await admin.keys('*')
    expect(keys.filter((key) => !key.startsWith('{custos}:'))).toEqual([])
    expect(await admin.pttl('{custos}:answer:app.customer.test/a')).toBeGreaterThan(50_000)
    expect(await admin.pttl('{custos}:edges')).toBeGreaterThan(5_000)
  })

  it('opens while Redis is away and heals when it comes', async () => {
    await server.kill()
    const options = { url: server.url, clock, random, logger: silentLogger }
    const early = stack.use(await openRedisEdgeDirectory(options))
    await expect(early.findBinding(app)).rejects.toMatchObject(unavailable)
    const reader = stack.use(new ChangeReader(early, undefined))
    const first = reader.next()
    await server.restart()
    await vi.waitFor(() => fill('second'), 10_000)
    expect(await first).toMatchObject({ changes: [] })
    // Look-ups have a connection of their own, which comes back by itself.
    const found = await vi.waitFor(() => early.findBinding(app), 10_000)
    expect(found?.hostname).toBe(app)
  })

  it('is unavailable within the time a command may take when Redis hangs, and heals', async () => {
    const options = { url: server.url, clock, random, logger: silentLogger, commandTimeoutMs: 50 }
    const hasty = stack.use(await openRedisEdgeDirectory(options))
    await hasty.findBinding(app)
    process.kill(server.pid, 'SIGSTOP')
    await expect(hasty.findBinding(app)).rejects.toMatchObject(unavailable)
    await expect(hasty.findBinding(app)).rejects.toMatchObject(unavailable)
    process.kill(server.pid, 'SIGCONT')
    await vi.waitFor(() => hasty.findBinding(app), 10_000)
  })

  it('answers an unreadable binding with corrupt, for that name only', async () => {
    const admin = new Redis(server.url)
    stack.defer(() => admin.disconnect())
    await admin.set('{custos}:binding:broken.test', 'nonsense')
    const broken = edge.findBinding(hostname('broken.test'))
    await expect(broken).rejects.toMatchObject({ name: 'DirectoryError', kind: 'corrupt' })
    expect((await edge.findBinding(app))?.hostname).toBe(app)
    await publisher.publish(sampleBinding('broken.test'))
    expect((await edge.findBinding(hostname('broken.test')))?.hostname).toBe('broken.test')
  })
})

describe('a password in the URL', () => {
  it('is used, and shown neither in errors nor in the log', async () => {
    const password = 'corréct h0rse'
    await using server = await startRedis({ password })
    const lines: string[] = []
    const logger = createLogger({ level: 'debug', write: (line) => lines.push(line) })
    const open = (secret: string): Promise<EdgeDirectory> => {
      const url = `redis://:${encodeURIComponent(secret)}@127.0.0.1:${server.port}`
      return openRedisEdgeDirectory({ url, clock, random, logger })
    }
    await using right = await open(password)
    await expect(right.findBinding(app)).rejects.toThrow('not filled yet')

    const wrong = 'wrong-passw0rd'
    await using refused = await open(wrong)
    const error: unknown = await refused.findBinding(app).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject(unavailable)
    await server.kill()
    const later: unknown = await right.findBinding(app).catch((thrown: unknown) => thrown)
    expect(later).toMatchObject(unavailable)
    await vi.waitFor(() => expect(lines.length).toBeGreaterThan(1))
    const said = [JSON.stringify(allOf(error)), JSON.stringify(allOf(later)), ...lines].join('\n')
    expect(said).toContain(`127.0.0.1:${server.port}`)
    for (const secret of [password, wrong, encodeURIComponent(password)]) {
      expect(said).not.toContain(secret)
    }
  })
})

/** Everything that a log could find in an error. */
function allOf(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const { message, stack, cause } = error
  return { ...error, message, stack, cause: allOf(cause) }
}
