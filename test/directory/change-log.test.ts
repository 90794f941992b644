import { beforeEach, describe, expect, it } from 'vitest'

import {
  parseLogEntry,
  watchLog,
  type ChangeSource,
  type LogEntry,
  type LogView,
} from '#directory/change-log.ts'
import type { ChangeBatch, ChangeId } from '#directory/directory.ts'
import { fakeClock, type FakeClock } from '#test/fake-clock.ts'

/** A log held in memory that can be cut, lost, restarted and put out of reach. */
class ScriptedLog implements ChangeSource {
  entries: LogEntry[] = []
  epoch: string | undefined
  incarnation = 'run-1'
  isAway = false
  reads = 0
  #wake: (() => void) | undefined

  fill(epoch: string): void {
    this.epoch = epoch
    this.add(`${this.entries.length}`, 'epoch')
  }

  add(id: ChangeId, kind: string, name = ''): void {
    this.entries.push(parseLogEntry(id, kind, name))
    this.#wake?.()
  }

  async read(after: ChangeId | undefined, limit: number): Promise<LogView> {
    this.reads++
    if (this.isAway) throw new Error('away')
    const isCovered = this.entries.some(({ id }) => id === after)
    const later = this.entries.filter(({ id }) => after !== undefined && id > after)
    const newest = this.entries.at(-1)?.id
    const { epoch, incarnation } = this
    return { epoch, incarnation, newest, isCovered, entries: later.slice(0, limit) }
  }

  async wait(newest: ChangeId | undefined, signal: AbortSignal): Promise<void> {
    if (this.entries.at(-1)?.id !== newest) return
    await new Promise<void>((resolve, reject) => {
      this.#wake = resolve
      signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    })
    if (this.isAway) throw new Error('away')
  }
}

describe('watchLog', () => {
  let clock: FakeClock
  let log: ScriptedLog
  let over: AbortController

  beforeEach(() => {
    clock = fakeClock()
    log = new ScriptedLog()
    over = new AbortController()
    return () => over.abort()
  })

  const watch = (after?: ChangeId): AsyncGenerator<ChangeBatch, void, undefined> => {
    const random = { bytes: () => new Uint8Array(), uuid: () => '', fraction: () => 0 }
    return watchLog(log, { after, signal: over.signal, clock, random })
  }

  it('gives a reader that began before the first filling a gap, to be safe', async () => {
    const first = watch().next()
    await clock.advance(10)
    log.fill('first')
    await clock.advance(1_000)
    expect(await first).toMatchObject({ value: { upTo: '0', changes: [], gap: true } })
  })

  it('gives a reader that could not look at first a gap, to be safe', async () => {
    log.fill('first')
    log.isAway = true
    const first = watch().next()
    await clock.advance(10)
    log.isAway = false
    await clock.advance(1_000)
    expect(await first).toMatchObject({ value: { upTo: '0', changes: [], gap: true } })
  })

  it('goes on without a gap when the log was only out of reach', async () => {
    log.fill('first')
    const batches = watch()
    await batches.next()
    const next = batches.next()
    log.isAway = true
    log.add('1', 'published', 'a.test')
    await clock.advance(10_000)
    log.isAway = false
    await clock.advance(10_000)
    expect(await next).toMatchObject({
      value: { upTo: '1', changes: [{ name: 'a.test' }], gap: false },
    })
  })

  it('backs off up to two seconds while the log is out of reach', async () => {
    log.isAway = true
    const first = watch().next()
    await clock.advance(60_000)
    expect(log.reads).toBeGreaterThan(30)
    expect(log.reads).toBeLessThan(80)
    over.abort()
    expect(await first).toMatchObject({ done: true })
  })

  it('admits a gap when the log’s server was restarted', async () => {
    log.fill('first')
    const batches = watch()
    await batches.next()
    log.incarnation = 'run-2'
    log.add('1', 'published', 'a.test')
    expect(await batches.next()).toMatchObject({ value: { upTo: '1', changes: [], gap: true } })
  })

  it('admits a gap when the reader’s place was cut off while it slept', async () => {
    log.fill('first')
    const batches = watch()
    await batches.next()
    log.entries = []
    log.add('5', 'published', 'a.test')
    expect(await batches.next()).toMatchObject({ value: { upTo: '5', changes: [], gap: true } })
  })

  it('moves over entries of newer versions without telling', async () => {
    log.fill('first')
    const batches = watch()
    await batches.next()
    log.add('1', 'invented-later', 'a.test')
    log.add('2', 'removed', 'not a hostname')
    log.add('3', 'removed', 'b.test')
    const { value } = await batches.next()
    expect(value).toEqual({
      upTo: '3',
      changes: [{ id: '3', kind: 'removed', name: 'b.test' }],
      gap: false,
    })
  })
})
