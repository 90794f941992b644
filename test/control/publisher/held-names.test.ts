import { rmSync } from 'node:fs'

import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { startPublisher, type Publisher } from '#control/publisher/publisher.ts'
import type { DirectoryPublisher, EdgeDirectory } from '#directory/directory.ts'
import { openSqliteDirectoryPublisher } from '#directory/sqlite-directory-publisher.ts'
import { openSqliteEdgeDirectory } from '#directory/sqlite-edge-directory.ts'
import { withNextSerial, type CustomHostname } from '#domain/custom-hostname.ts'
import { HELD } from '#domain/hold.ts'
import { parseHostname } from '#domain/hostname.ts'
import { newOwnership, type Ownership } from '#domain/ownership.ts'
import { systemClock as clock } from '#lib/clock.ts'
import { silentLogger } from '#lib/log.ts'
import { systemRandom as random } from '#lib/random.ts'
import { createSealer } from '#lib/sealing.ts'
import { openSqlStore } from '#store/sql/open-sql-store.ts'
import type { Store } from '#store/store.ts'
import { aHostname, anActiveHostname, aZone } from '#test/records.ts'
import { tempDir } from '#test/temp-dir.ts'

/**
 * Who serves a name that lies below somebody's wildcard: its own record once that is proved; nobody
 * where it is held; else the wildcard.
 */
const OTHER_ZONE = aZone({ id: 'f'.repeat(32), name: 'other.com' })
const BASE = parseHostname('b.com')
const NAME = parseHostname('a.b.com')
const DEEPER = parseHostname('x.a.b.com')

const UNPROVED = {
  pending: newOwnership(1),
  moved: { state: 'moved', since: 1, nextAt: 9e15, errors: [] },
  deleted: { state: 'deleted', since: 1, errors: [] },
  blocked: { state: 'blocked', since: 1, reason: HELD.reason },
} as const satisfies Record<string, Ownership>
const STATES = Object.entries(UNPROVED)

let stack: AsyncDisposableStack
let store: Store
let directory: DirectoryPublisher
let publisher: Publisher
let edge: EdgeDirectory
let path: string

beforeEach(async () => {
  stack = new AsyncDisposableStack()
  const dir = stack.use(tempDir()).path
  const sealer = createSealer([Buffer.alloc(32, 1)])
  store = stack.use(await openSqlStore({ path: `${dir}/custos.db`, sealer }))
  for (const zone of [aZone(), OTHER_ZONE]) await store.zones.create(zone)
  path = `${dir}/directory.db`
  directory = stack.use(await openSqliteDirectoryPublisher({ path, clock }))
  edge = stack.use(await openSqliteEdgeDirectory({ path, clock, random }))
  const common = { store, clock, random, log: silentLogger, onPublished: () => {} }
  publisher = stack.use(startPublisher({ ...common, directory }))
})
afterEach(() => stack.disposeAsync())

const settle = async (): Promise<void> => {
  publisher.wake()
  await expect.poll(() => store.outbox.list(10)).toEqual([])
}

async function create(change: Partial<CustomHostname>): Promise<CustomHostname> {
  const record = aHostname(change, clock.now())
  await store.hostnames.create(record)
  await settle()
  return record
}

async function createWildcard(): Promise<CustomHostname> {
  const { ssl, ...rest } = anActiveHostname({ hostname: BASE })
  if (!ssl) throw new Error('has a certificate')
  return create({ ...rest, ssl: { ...ssl, wildcard: true } })
}

async function change(id: string, ownership: Ownership): Promise<void> {
  await store.hostnames.update(id, (record) => ({
    record: { ...withNextSerial(record), ownership },
  }))
  await settle()
}

async function hold(domain = NAME, includeSubdomains = true): Promise<void> {
  await store.holds.put({ domain: domain, reason: undefined, includeSubdomains }, clock.now())
  await publisher.publishName(domain)
}

async function release(domain = NAME): Promise<void> {
  await store.holds.remove(domain, clock.now())
  await publisher.publishName(domain)
}

/** Whose binding edges find for the name, and whether they serve by it. */
async function served(name = NAME): Promise<string> {
  const binding = await edge.findBinding(name)
  if (!binding) return 'nobody'
  return binding.missing.some((sentence) => sentence.includes('held back'))
    ? 'held'
    : binding.hostnameId
}

describe('a name below a wildcard', () => {
  it.each(STATES)(
    'is served by it while its own record is %s, whoever has it',
    async (_, ownership) => {
      const wildcard = await createWildcard()
      const record = await create({ hostname: NAME, zoneId: OTHER_ZONE.id })
      await change(record.id, ownership)
      expect(await served()).toBe(wildcard.id)
    },
  )

  it.each(STATES)(
    'is so too where the wildcard came after a record that is %s',
    async (_, ownership) => {
      const record = await create({ hostname: NAME, zoneId: OTHER_ZONE.id })
      await change(record.id, ownership)
      const wildcard = await createWildcard()
      await expect.poll(() => served()).toBe(wildcard.id)
    },
  )

  it('is served by its own record once that is proved, and no more when it is moved', async () => {
    const wildcard = await createWildcard()
    const record = await create({ hostname: NAME, zoneId: OTHER_ZONE.id })
    await change(record.id, { state: 'verified', at: 1, by: 'cname', serial: 1 })
    expect(await served()).toBe(record.id)
    await change(record.id, UNPROVED.moved)
    expect(await served()).toBe(wildcard.id)
  })
})

describe('a held name below a wildcard', () => {
  it('is refused while it is held, and then served by the wildcard again', async () => {
    const wildcard = await createWildcard()
    expect(await served()).toBe(wildcard.id)
    await hold()
    expect(await served()).toBe('held')
    expect(await served(parseHostname('c.b.com'))).toBe(wildcard.id)
    await release()
    expect(await served()).toBe(wildcard.id)
  })

  it('is refused too where the wildcard comes later', async () => {
    await hold()
    await createWildcard()
    expect(await served()).toBe('held')
  })

  it('is not refused for what is held below it', async () => {
    const wildcard = await createWildcard()
    await hold(DEEPER)
    expect(await served()).toBe(wildcard.id)
    expect(await served(DEEPER)).toBe('held')
  })

  it.each(STATES)('is refused while its own record is %s', async (_, ownership) => {
    const wildcard = await createWildcard()
    const record = await create({ hostname: NAME, zoneId: OTHER_ZONE.id })
    await change(record.id, ownership)
    await hold()
    const binding = await edge.findBinding(NAME)
    expect(binding?.missing).not.toEqual([])
    expect(binding?.hostnameId).not.toBe(wildcard.id)
    await release()
    expect(await served()).toBe(wildcard.id)
  })

  it('is refused also once its own record is removed', async () => {
    await createWildcard()
    const record = await create({ hostname: NAME })
    await change(record.id, UNPROVED.blocked)
    await hold()
    await store.hostnames.update(record.id, (current) => {
      const { deployment, ...next } = withNextSerial(current)
      const removal = { requestedAt: clock.now(), serial: deployment.serial }
      return { record: { ...next, deployment, removal } }
    })
    await settle()
    expect(await served()).toBe('held')
    await store.hostnames.remove(record.id)
    expect(await served()).toBe('held')
  })

  it('is served by its own record once the hold is gone and it is proved', async () => {
    await hold()
    const record = await create({ hostname: NAME })
    await change(record.id, UNPROVED.blocked)
    await release()
    await change(record.id, { state: 'verified', at: 1, by: 'cname', serial: 1 })
    expect(await served()).toBe(record.id)
    await hold(NAME)
    await release()
    expect(await served()).toBe(record.id)
  })

  it('is refused by a directory that is filled again, and a leftover of a hold is swept', async () => {
    const wildcard = await createWildcard()
    await hold()
    await publisher.republish()
    expect(await served()).toBe('held')
    for (const suffix of ['', '-wal', '-shm']) rmSync(`${path}${suffix}`, { force: true })
    await publisher.republish()
    expect(await served()).toBe('held')
    await store.holds.remove(NAME, clock.now())
    await publisher.republish()
    expect(await served()).toBe(wildcard.id)
  })

  it('is right in the end whoever comes first: a hold that is put and removed at once', async () => {
    const wildcard = await createWildcard()
    for (let round = 0; round < 20; round++) {
      await Promise.all([hold(), release(), hold(), publisher.publishNow(wildcard.id)])
      const isHeld = (await store.holds.find(NAME)) !== undefined
      expect(await served()).toBe(isHeld ? 'held' : wildcard.id)
    }
  })
})
