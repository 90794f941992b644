import { describe, expect, it } from 'vitest'

import { HEARTBEAT_EVERY_MS, type ChangeBatch } from '#directory/directory.ts'
import type { Sighting } from '#directory/sighting.ts'
import { parseHostname } from '#domain/hostname.ts'
import { Follower } from '#edge/follower.ts'
import { createLogger, silentLogger } from '#lib/log.ts'
import { fakeClock, type FakeClock } from '#test/fake-clock.ts'
import { hostname } from '#test/sample-binding.ts'
import { memoryDirectory, type MemoryDirectory } from '#test/memory-directory.ts'
import { aBinding } from '#test/test-binding.ts'

const NAME = 'app.customer.test'

interface Parts {
  follower: Follower
  directory: MemoryDirectory
  clock: FakeClock
  batches: ChangeBatch[]
}

function start(options: { logger?: typeof silentLogger; clock?: FakeClock } = {}): Parts {
  const { clock = fakeClock() } = options
  const directory = memoryDirectory()
  const batches: ChangeBatch[] = []
  const follower = new Follower({
    edgeId: 'edge-1',
    version: '1',
    directory,
    clock,
    logger: options.logger ?? silentLogger,
    onBatch: (batch) => void batches.push(batch),
  })
  follower.start()
  return { follower, directory, clock, batches }
}

describe('the follower of the change log', () => {
  it('reports itself at once, and then regularly', async () => {
    const { follower, directory, clock } = start()
    await clock.advance(0)
    expect(directory.beats).toEqual([
      { edgeId: 'edge-1', version: '1', applied: follower.applied, at: clock.now() },
    ])
    await clock.advance(3 * HEARTBEAT_EVERY_MS)
    expect(directory.beats).toHaveLength(4)
    await follower.close()
  })

  it('carries what was seen lately, as long as there is anything', async () => {
    const clock = fakeClock()
    const directory = memoryDirectory()
    const seen: Sighting[] = []
    const follower = new Follower({
      edgeId: 'edge-1',
      version: '1',
      directory,
      clock,
      logger: silentLogger,
      onBatch: () => {},
      sightings: () => (seen.length > 0 ? [...seen] : undefined),
    })
    follower.start()
    await clock.advance(0)
    expect(directory.beats.at(-1)).not.toHaveProperty('sightings')
    const name = hostname(NAME)
    seen.push({ sequence: 1, kind: 'first-handshake', name, at: clock.now(), detail: 'ecdsa' })
    await clock.advance(HEARTBEAT_EVERY_MS)
    expect(directory.beats.at(-1)).toMatchObject({ at: clock.now(), sightings: seen })
    seen.length = 0
    await clock.advance(HEARTBEAT_EVERY_MS)
    expect(directory.beats.at(-1)).not.toHaveProperty('sightings')
    await follower.close()
  })

  it('reports a change at once after it acted on it', async () => {
    const { follower, directory, clock, batches } = start()
    await clock.advance(1_000)
    directory.publish(aBinding(NAME))
    await clock.advance(0)
    const changes = batches.at(-1)?.changes
    expect(changes).toMatchObject([{ kind: 'published', name: NAME }])
    expect(directory.beats.at(-1)).toMatchObject({ applied: changes?.[0]?.id, at: clock.now() })
    await follower.close()
  })

  it('reports a change at once also after the clock was put back', async () => {
    const clock = fakeClock()
    const skew = { ms: 0 }
    const now = (): number => clock.now() + skew.ms
    const { follower, directory } = start({ clock: { ...clock, now } })
    await clock.advance(1_000)
    skew.ms = -3_600_000
    directory.publish(aBinding(NAME))
    await clock.advance(100)
    expect(directory.beats).toHaveLength(2)
    await follower.close()
  })

  it('reports a burst of changes twice, not a hundred times', async () => {
    const { follower, directory, clock } = start()
    await clock.advance(1_000)
    const before = directory.beats.length
    for (let i = 0; i < 100; i++) directory.publish(aBinding(NAME, { serial: i + 2 }))
    await clock.advance(20)
    expect(directory.beats).toHaveLength(before + 2)
    expect(directory.beats.at(-1)?.applied).toBe(follower.applied)
    await follower.close()
  })

  it('goes on while the directory cannot hear it, and says so once', async () => {
    const lines: string[] = []
    const logger = createLogger({ write: (line) => lines.push(line) })
    const { follower, directory, clock } = start({ logger })
    await clock.advance(0)
    directory.available = false
    await clock.advance(5 * HEARTBEAT_EVERY_MS)
    expect(directory.beats).toHaveLength(1)
    directory.available = true
    await clock.advance(HEARTBEAT_EVERY_MS)
    expect(directory.beats).toHaveLength(2)
    expect(lines.map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual([
      'cannot report to the directory',
      'the directory hears of this edge again',
    ])
    await follower.close()
  })

  it('signs off when it is closed, and stops watching', async () => {
    const { follower, directory, clock } = start()
    await clock.advance(0)
    expect(directory.watchers).toBe(1)
    await follower.close()
    expect(directory.left).toEqual(['edge-1'])
    expect(directory.watchers).toBe(0)
    expect(clock.nextDue()).toBeUndefined()
  })

  it('does not wait for ever for a directory that lets it sign off', async () => {
    const { follower, directory, clock } = start()
    await clock.advance(0)
    directory.leave = () => new Promise(() => {})
    const closed = follower.close()
    await clock.advance(1_000)
    await expect(closed).resolves.toBeUndefined()
  })

  it('trusts nothing any more when the log itself fails', async () => {
    const { follower, directory, clock, batches } = start()
    const { watch } = directory
    await clock.advance(0)
    await follower.close()
    directory.watch = () => {
      directory.watch = watch
      throw new Error('a fault of the directory')
    }
    const second = new Follower({
      edgeId: 'edge-2',
      version: '1',
      directory,
      clock,
      logger: silentLogger,
      onBatch: (batch) => void batches.push(batch),
    })
    second.start()
    await clock.advance(0)
    expect(batches.at(-1)).toMatchObject({ gap: true })
    await clock.advance(1_000)
    directory.withdraw(parseHostname(NAME, { allowReservedTlds: true }))
    await clock.advance(0)
    expect(batches.at(-1)).toMatchObject({ changes: [{ kind: 'removed', name: NAME }] })
    await second.close()
  })
})
