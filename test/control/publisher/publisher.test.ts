import { renameSync, rmSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'

import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { startPublisher, type Publisher } from '#control/publisher/publisher.ts'
import {
  DirectoryError,
  type DirectoryPublisher,
  type EdgeDirectory,
} from '#directory/directory.ts'
import { openSqliteDirectoryPublisher } from '#directory/sqlite-directory-publisher.ts'
import { openSqliteEdgeDirectory } from '#directory/sqlite-edge-directory.ts'
import { TLS_ALPN_PATH } from '#domain/binding.ts'
import { withNextSerial, type CustomHostname } from '#domain/custom-hostname.ts'
import { systemClock as clock } from '#lib/clock.ts'
import { silentLogger } from '#lib/log.ts'
import { systemRandom as random } from '#lib/random.ts'
import { createSealer } from '#lib/sealing.ts'
import { openSqlStore } from '#store/sql/open-sql-store.ts'
import type { Store } from '#store/store.ts'
import { aHostname, anOrder, aZone, withIssuance } from '#test/records.ts'
import { tempDir } from '#test/temp-dir.ts'

describe('the publisher', () => {
  let stack: AsyncDisposableStack
  let store: Store
  let publisher: Publisher
  let edge: EdgeDirectory
  let outage: { isOver: boolean; calls: number }
  let published: string[]
  let dir: string

  beforeEach(async () => {
    stack = new AsyncDisposableStack()
    dir = stack.use(tempDir()).path
    const sealer = createSealer([Buffer.alloc(32, 1)])
    store = stack.use(await openSqlStore({ path: `${dir}/custos.db`, sealer }))
    await store.zones.create(aZone())
    const path = `${dir}/directory.db`
    const real = stack.use(await openSqliteDirectoryPublisher({ path, clock }))
    edge = stack.use(await openSqliteEdgeDirectory({ path, clock, random }))
    outage = { isOver: true, calls: 0 }
    published = []
    publisher = stack.use(
      startPublisher({
        store,
        directory: breakable(real, outage),
        clock,
        random,
        log: silentLogger,
        onPublished: (id) => published.push(id),
      }),
    )
  })
  afterEach(() => stack.disposeAsync())

  const create = async (change: Partial<CustomHostname> = {}): Promise<CustomHostname> => {
    const record = aHostname(change)
    await store.hostnames.create(record)
    publisher.wake()
    return record
  }
  const serialOf = async ({ hostname }: CustomHostname): Promise<number | undefined> =>
    (await edge.findBinding(hostname).catch(() => undefined))?.serial

  it('carries a new hostname to the directory and empties the outbox', async () => {
    const record = await create()
    await expect.poll(() => serialOf(record)).toBe(record.deployment.serial)
    await expect.poll(() => store.outbox.list(10)).toEqual([])
    expect(published).toContain(record.id)
    const stored = await store.hostnames.find(record.id)
    expect(stored?.deployment.published?.serial).toBe(record.deployment.serial)
  })

  it('keeps what it cannot publish while the directory is away', async () => {
    await expect.poll(() => publisher.isConnected && outage.calls > 0).toBe(true)
    outage.isOver = false
    const record = await create()
    await expect.poll(() => publisher.isConnected).toBe(false)
    expect(await store.outbox.list(10)).toHaveLength(1)
    expect(await publisher.publishNow(record.id)).toBe(false)
    outage.isOver = true
    await expect.poll(() => serialOf(record), { timeout: 8_000 }).toBe(record.deployment.serial)
    await expect.poll(() => publisher.isConnected).toBe(true)
  })

  it('publishes the newest facts only, however often they changed', async () => {
    const record = await create()
    for (let i = 0; i < 20; i++) {
      await store.hostnames.update(record.id, (current) => ({ record: withNextSerial(current) }))
      publisher.wake()
    }
    await expect.poll(() => serialOf(record)).toBe(record.deployment.serial + 20)
    await expect.poll(() => store.outbox.list(10)).toEqual([])
  })

  it('lets one hostname that cannot be rendered not hold up the others', async () => {
    const broken = await create({ customOriginServer: 'not a host' })
    const record = await create()
    await expect.poll(() => serialOf(record), { timeout: 8_000 }).toBe(record.deployment.serial)
    expect(await serialOf(broken)).toBeUndefined()
  })

  it('fills a directory that came back as an older copy of itself', async () => {
    const kept = await create()
    await expect.poll(() => store.outbox.list(10)).toEqual([])
    const copy = `${dir}/older.db`
    {
      using database = new DatabaseSync(`${dir}/directory.db`)
      database.prepare('VACUUM INTO ?').run(copy)
      using copied = new DatabaseSync(copy)
      copied.exec('PRAGMA journal_mode = WAL')
    }
    const lost = await create()
    await expect.poll(() => serialOf(lost)).toBe(lost.deployment.serial)
    await expect.poll(() => store.outbox.list(10)).toEqual([])
    outage.isOver = false
    await create()
    await expect.poll(() => publisher.isConnected).toBe(false)
    for (const suffix of ['', '-wal', '-shm']) {
      rmSync(`${dir}/directory.db${suffix}`, { force: true })
    }
    renameSync(copy, `${dir}/directory.db`)
    expect(await serialOf(lost)).toBeUndefined()
    outage.isOver = true
    await expect.poll(() => serialOf(lost), { timeout: 8_000 }).toBe(lost.deployment.serial)
    expect(await serialOf(kept)).toBe(kept.deployment.serial)
  })

  it('publishes and republishes the others when a record cannot be read', async () => {
    const broken = await create()
    await expect.poll(() => serialOf(broken)).toBe(broken.deployment.serial)
    {
      using database = new DatabaseSync(`${dir}/custos.db`)
      database.exec(`UPDATE custom_hostnames SET document = '{}'`)
    }
    const record = await create()
    expect(await publisher.republish()).toBe(2)
    expect(await serialOf(record)).toBe(record.deployment.serial)
    expect(await serialOf(broken)).toBe(broken.deployment.serial)
    expect(publisher.isConnected).toBe(true)
  })

  it('puts the answer to a tls-alpn-01 challenge, keeps it while it is wanted, and removes it', async () => {
    const record = await create()
    await expect.poll(() => serialOf(record)).toBe(record.deployment.serial)
    const shown = async (): Promise<string | undefined> =>
      (await edge.findAnswer(record.hostname, TLS_ALPN_PATH, clock.now()))?.body
    await publisher.putAnswers(proving(record, 'one'))
    expect(await shown()).toBe('one.thumbprint')
    await publisher.putAnswers(proving(record, 'two'))
    await publisher.removeAnswers(proving(record, 'one'), proving(record, 'two'))
    expect(await shown()).toBe('two.thumbprint')
    await publisher.removeAnswers(proving(record, 'two'), record)
    expect(await shown()).toBeUndefined()
  })

  describe('two records of one name', () => {
    const OTHER = aZone({ id: 'f'.repeat(32), name: 'other.com' })
    const shown = async (path: string, { hostname }: CustomHostname): Promise<string | undefined> =>
      (await edge.findAnswer(hostname, path, clock.now()))?.body

    async function createTwo(): Promise<[CustomHostname, CustomHostname]> {
      await store.zones.create(OTHER)
      const mine = await create()
      const { hostname } = mine
      const theirs = await create({ hostname, zoneId: OTHER.id })
      await expect.poll(() => store.outbox.list(10)).toEqual([])
      return [mine, theirs]
    }
    async function save(record: CustomHostname): Promise<void> {
      await store.hostnames.update(record.id, () => ({ record }))
    }

    it('leave each other the tls-alpn-01 answer when one is done', async () => {
      const [mine, theirs] = await createTwo()
      await save(proving(mine, 'mine', { state: 'ordered' }))
      await publisher.putAnswers(proving(mine, 'mine', { state: 'ordered' }))
      await publisher.putAnswers(proving(theirs, 'theirs', { state: 'ordered' }))
      expect(await shown(TLS_ALPN_PATH, mine)).toBe('theirs.thumbprint')
      await publisher.removeAnswers(proving(theirs, 'theirs', { state: 'ordered' }), theirs)
      expect(await shown(TLS_ALPN_PATH, mine)).toBe('mine.thumbprint')
      await save(mine)
      await publisher.removeAnswers(proving(mine, 'mine', { state: 'ordered' }), mine)
      expect(await shown(TLS_ALPN_PATH, mine)).toBeUndefined()
    })

    it('do not take it from a validation that is under way', async () => {
      const [mine, theirs] = await createTwo()
      await save(proving(mine, 'mine'))
      await publisher.putAnswers(proving(mine, 'mine'))
      await publisher.putAnswers(proving(theirs, 'theirs', { state: 'ordered' }))
      expect(await shown(TLS_ALPN_PATH, mine)).toBe('mine.thumbprint')
      await publisher.removeAnswers(proving(theirs, 'theirs', { state: 'ordered' }), theirs)
      expect(await shown(TLS_ALPN_PATH, mine)).toBe('mine.thumbprint')
    })

    it('leave each other the http-01 answer where a CA gave both the same challenge', async () => {
      const [mine, theirs] = await createTwo()
      const same = (record: CustomHostname): CustomHostname =>
        proving(record, 'same', { state: 'ordered', type: 'http-01' })
      const path = '/.well-known/acme-challenge/token'
      await save(same(mine))
      await publisher.putAnswers(same(mine))
      await publisher.putAnswers(same(theirs))
      await publisher.removeAnswers(same(theirs), theirs)
      expect(await shown(path, mine)).toBe('same.thumbprint')
    })
  })

  it('sweeps names that the store does not know any more', async () => {
    const record = await create()
    await expect.poll(() => store.outbox.list(10)).toEqual([])
    await store.hostnames.remove(record.id)
    await publisher.republish()
    expect(await edge.findBinding(record.hostname)).toBeUndefined()
  })

  it('closes while the directory is away', async () => {
    outage.isOver = false
    await create()
    await publisher.close()
    expect(await store.outbox.list(10)).toHaveLength(1)
  })
})

interface ProvingOptions {
  state?: 'ordered' | 'validating'
  type?: 'tls-alpn-01' | 'http-01'
}

/** With an order that is proved by one kind of challenge. */
function proving(
  record: CustomHostname,
  token: string,
  { state = 'validating', type = 'tls-alpn-01' }: ProvingOptions = {},
): CustomHostname {
  const keyAuthorization = `${token}.thumbprint`
  const { challenges, ...order } = anOrder({ expiresAt: clock.now() + 60_000 })
  const own = challenges.map((one) => ({ ...one, type, keyAuthorization }))
  const open = { ...order, challenges: own }
  const common = { order: open, since: 0, nextAt: 0, failures: 0 }
  const issuance = state === 'ordered' ? { state, ...common, attempts: 0 } : { state, ...common }
  return withIssuance(record, 'ecdsa', issuance)
}

/** The real directory behind a cable that can be pulled. */
function breakable(
  real: DirectoryPublisher,
  outage: { isOver: boolean; calls: number },
): DirectoryPublisher {
  return new Proxy(real, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property)
      if (typeof value !== 'function') return value
      return (...args: unknown[]): unknown => {
        outage.calls++
        if (!outage.isOver) return Promise.reject(new DirectoryError('unavailable', 'cable pulled'))
        return Reflect.apply(value, target, args)
      }
    },
  })
}
