import { fork } from 'node:child_process'
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import type { DirectoryPublisher, EdgeDirectory } from '#directory/directory.ts'
import { openDirectoryPublisher, openEdgeDirectory } from '#directory/open-directory.ts'
import { systemClock as clock } from '#lib/clock.ts'
import { silentLogger as logger } from '#lib/log.ts'
import { systemRandom as random } from '#lib/random.ts'
import { ChangeReader } from '#test/change-reader.ts'
import { hostname, sampleBinding } from '#test/sample-binding.ts'
import { tempDir } from '#test/temp-dir.ts'

const unavailable = { name: 'DirectoryError', kind: 'unavailable' }
const app = hostname('app.customer.test')

describe('the directory in a SQLite file', () => {
  let stack: AsyncDisposableStack
  let path: string

  beforeEach(() => {
    stack = new AsyncDisposableStack()
    path = join(stack.use(tempDir()).path, 'data', 'directory.db')
  })
  afterEach(() => stack.disposeAsync())

  const options = (): Parameters<typeof openEdgeDirectory>[0] => {
    return { redisUrl: undefined, path, clock, random, logger }
  }
  const openEdge = async (): Promise<EdgeDirectory> => stack.use(await openEdgeDirectory(options()))
  const openPublisher = async (): Promise<DirectoryPublisher> =>
    stack.use(await openDirectoryPublisher(options()))
  const fill = async (publisher: DirectoryPublisher, epoch: string): Promise<void> => {
    await publisher.publish(sampleBinding('app.customer.test'))
    await publisher.writeEpoch(epoch)
  }

  it('is nobody’s to read but its owner’s, wherever it lies', async () => {
    await fill(await openPublisher(), '1')
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(statSync(dirname(path)).mode & 0o777).toBe(0o700)
  })

  it('may be opened by an edge before it exists, which makes no file and heals', async () => {
    const edge = await openEdge()
    await expect(edge.findBinding(app)).rejects.toThrow('there is no such file yet')
    const beat = { edgeId: 'e', applied: '', at: 0, version: '' }
    await expect(edge.beat(beat)).rejects.toMatchObject(unavailable)
    expect(existsSync(path)).toBe(false)
    const reader = stack.use(new ChangeReader(edge, undefined))
    const first = reader.next()
    await fill(await openPublisher(), 'first')
    expect((await edge.findBinding(app))?.hostname).toBe(app)
    expect(await first).toMatchObject({ changes: [], gap: true })
  })

  it('is served by edges while the control plane is closed, and kept over its restart', async () => {
    const first = await openPublisher()
    await fill(first, 'first')
    await first.close()
    const edge = await openEdge()
    expect((await edge.findBinding(app))?.hostname).toBe(app)
    await edge.beat({ edgeId: 'e', applied: '', at: clock.now(), version: '' })
    const second = await openPublisher()
    expect(await second.readEpoch()).toBe('first')
    expect(await second.listEdges(clock.now())).toHaveLength(1)
  })

  it('does not wait for an edge that last reported before the clock was set back', async () => {
    const publisher = await openPublisher()
    const edge = await openEdge()
    const now = clock.now()
    await edge.beat({ edgeId: 'e', applied: '', at: now + 3_600_000, version: '' })
    expect(await publisher.listEdges(now)).toEqual([])
    await edge.beat({ edgeId: 'e', applied: '', at: now, version: '' })
    expect(await publisher.listEdges(now)).toHaveLength(1)
  })

  it('may be deleted and made anew while edges and the control plane run', async () => {
    const publisher = await openPublisher()
    await fill(publisher, 'first')
    const edge = await openEdge()
    const reader = stack.use(new ChangeReader(edge, undefined))
    await reader.next()
    for (const epoch of ['second', 'third']) {
      rmSync(path)
      await expect(edge.findBinding(app)).rejects.toMatchObject(unavailable)
      expect(await publisher.readEpoch()).toBeUndefined()
      await fill(publisher, epoch)
      expect((await edge.findBinding(app))?.hostname).toBe(app)
      expect(await reader.next()).toMatchObject({ gap: true })
    }
  })

  it('does not take up the leftovers of a deleted file', async () => {
    await fill(await openPublisher(), 'first')
    const wal = readFileSync(`${path}-wal`)
    await stack.disposeAsync()
    stack = new AsyncDisposableStack()
    path = join(stack.use(tempDir()).path, 'directory.db')
    writeFileSync(`${path}-wal`, wal)
    const publisher = await openPublisher()
    expect(await publisher.readEpoch()).toBeUndefined()
  })

  it('is made anew when it is damaged, no database, or of another version', async () => {
    const damage: Record<string, () => void> = {
      'no database': () => writeFileSync(path, 'nonsense'.repeat(1_000)),
      'another version': () => {
        using database = new DatabaseSync(path)
        database.exec('PRAGMA user_version = 99')
      },
      'a foreign database': () => {
        rmSync(path)
        using database = new DatabaseSync(path)
        database.exec('CREATE TABLE something (a)')
      },
    }
    for (const spoil of Object.values(damage)) {
      const before = await openDirectoryPublisher(options())
      await fill(before, 'first')
      await before.close()
      spoil()
      const edge = await openEdge()
      await expect(edge.findBinding(app)).rejects.toMatchObject(unavailable)
      const publisher = await openPublisher()
      expect(await publisher.readEpoch()).toBeUndefined()
      await fill(publisher, 'second')
      expect((await edge.findBinding(app))?.hostname).toBe(app)
      await publisher.close()
    }
  })

  it('keeps what an older version put there, whose edges go on reporting', async () => {
    const before = await openDirectoryPublisher(options())
    await fill(before, 'first')
    await before.close()
    using database = new DatabaseSync(path)
    database.exec('ALTER TABLE heartbeat DROP COLUMN sightings')
    const older = `INSERT INTO heartbeat (edge_id, applied, at, version) VALUES ('old', '', ?, '1')`
    database.prepare(older).run(clock.now())
    const publisher = await openPublisher()
    expect(await publisher.readEpoch()).toBe('first')
    expect(await publisher.listEdges(clock.now())).toMatchObject([{ edgeId: 'old', version: '1' }])
    const edge = await openEdge()
    const name = hostname('app.customer.test')
    const seen = { sequence: 1, kind: 'first-handshake', name, at: 1, detail: '' } as const
    await edge.beat({ edgeId: 'new', applied: '', at: clock.now(), version: '', sightings: [seen] })
    expect(await publisher.listEdges(clock.now())).toMatchObject([{ sightings: [seen] }, {}])
  })

  it('says which file cannot be made', async () => {
    writeFileSync(join(stack.use(tempDir()).path, 'x'), '')
    path = join('/dev/null', 'directory.db')
    await expect(openPublisher()).rejects.toThrow('/dev/null/directory.db')
    await expect(openPublisher()).rejects.toMatchObject(unavailable)
  })

  it('gives up a beat while somebody else holds the file, without holding up the loop', async () => {
    await fill(await openPublisher(), 'first')
    const edge = await openEdge()
    using other = new DatabaseSync(path)
    other.exec('BEGIN IMMEDIATE')
    const beat = edge.beat({ edgeId: 'e', applied: '', at: 0, version: '' })
    // Reading goes on meanwhile.
    expect((await edge.findBinding(app))?.hostname).toBe(app)
    await expect(beat).rejects.toMatchObject(unavailable)
    other.exec('ROLLBACK')
    await edge.beat({ edgeId: 'e', applied: '', at: 0, version: '' })
  })

  it('tells the control plane what workers in their own processes have applied', async () => {
    const publisher = await openPublisher()
    await publisher.writeEpoch('first')
    const script = join(import.meta.dirname, 'edge-process.ts')
    for (const edgeId of ['worker-1', 'worker-2']) {
      const child = fork(script, [path, edgeId], { execArgv: [] })
      stack.defer(() => void child.kill('SIGKILL'))
    }
    const applied = async (): Promise<string[]> =>
      (await publisher.listEdges(clock.now())).map(({ applied }) => applied)
    await vi.waitFor(async () => expect(await applied()).toHaveLength(2), { timeout: 10_000 })
    let last = ''
    for (let i = 0; i < 300; i++) last = await publisher.publish(sampleBinding(`n${i}.test`))
    await vi.waitFor(async () => expect(await applied()).toEqual([last, last]), { timeout: 10_000 })
  })
})
