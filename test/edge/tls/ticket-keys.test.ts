import { describe, expect, it } from 'vitest'

import { TICKET_KEY_BYTES } from '#directory/directory.ts'
import { TicketKeys } from '#edge/tls/ticket-keys.ts'
import { createLogger, silentLogger, type Logger } from '#lib/log.ts'
import { systemRandom as random } from '#lib/random.ts'
import { memoryDirectory, type MemoryDirectory } from '#test/memory-directory.ts'
import { aBinding, testSealer as sealer } from '#test/test-binding.ts'

const a = aBinding('a.test')

function start(logger: Logger = silentLogger): { keys: TicketKeys; directory: MemoryDirectory } {
  const directory = memoryDirectory()
  return { keys: new TicketKeys({ directory, sealer, random, logger }), directory }
}

function sealed(fill: number, { length = TICKET_KEY_BYTES, context = 'ticket-key' } = {}) {
  return { sealed: sealer.seal(new Uint8Array(length).fill(fill), context), createdAt: 0 }
}

describe('ticket keys', () => {
  it('are the same for the same hostname everywhere, once they come from the directory', async () => {
    const [one, two] = [start(), start()]
    expect(one.keys.derive(a)).not.toEqual(two.keys.derive(a))
    for (const { keys, directory } of [one, two]) {
      directory.putTicketKeys([sealed(1)])
      await keys.refresh()
    }
    expect(one.keys.derive(a)).toEqual(two.keys.derive(a))
    expect(one.keys.derive(a)).toHaveLength(TICKET_KEY_BYTES)
  })

  it('differ by hostname, by owner and by the key they come from', async () => {
    const { keys, directory } = start()
    const derived = new Set<string>()
    for (const fill of [1, 2]) {
      directory.putTicketKeys([sealed(fill), sealed(1)])
      keys.markStale()
      await keys.refresh()
      for (const binding of [a, aBinding('b.test'), aBinding('a.test', { hostnameId: 'other' })]) {
        derived.add(keys.derive(binding).toString('hex'))
      }
    }
    expect(derived.size).toBe(6)
  })

  it('are read again only when they may have changed, and count a generation when they did', async () => {
    const { keys, directory } = start()
    await keys.refresh()
    expect(keys.generation).toBe(0)
    directory.putTicketKeys([sealed(1)])
    await keys.refresh()
    expect(keys.generation).toBe(0)
    keys.markStale()
    await Promise.all([keys.refresh(), keys.refresh()])
    keys.markStale()
    await keys.refresh()
    expect(keys.generation).toBe(1)
  })

  it('stay while the directory is away, and are read when it is back', async () => {
    const { keys, directory } = start()
    directory.putTicketKeys([sealed(1)])
    directory.available = false
    await keys.refresh()
    const before = keys.derive(a)
    directory.available = true
    await keys.refresh()
    expect(keys.derive(a)).not.toEqual(before)
  })

  it.each([
    ['sealed for something else', sealed(1, { context: 'certificate' })],
    ['of another length', sealed(1, { length: 32 })],
  ])('%s are not used, and somebody is told, once', async (_what, key) => {
    const lines: string[] = []
    const { keys, directory } = start(createLogger({ write: (line) => lines.push(line) }))
    const before = keys.derive(a)
    directory.putTicketKeys([key])
    await keys.refresh()
    await keys.refresh()
    expect(keys.derive(a)).toEqual(before)
    expect(lines).toHaveLength(1)
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ level: 'error' })
  })
})
