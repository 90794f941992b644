import { DatabaseSync } from 'node:sqlite'

import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { startTicketKeyRotation } from '#control/publisher/ticket-keys.ts'
import {
  TICKET_KEY_BYTES,
  TICKET_KEY_CONTEXT,
  type DirectoryPublisher,
} from '#directory/directory.ts'
import { openSqliteDirectoryPublisher } from '#directory/sqlite-directory-publisher.ts'
import { silentLogger as log } from '#lib/log.ts'
import { systemRandom as random } from '#lib/random.ts'
import { createSealer } from '#lib/sealing.ts'
import { fakeClock, type FakeClock } from '#test/fake-clock.ts'
import { tempDir } from '#test/temp-dir.ts'

const HOUR_MS = 3_600_000

describe('the rotation of session ticket keys', () => {
  const sealer = createSealer([Buffer.alloc(32, 1)])
  let stack: AsyncDisposableStack
  let clock: FakeClock
  let path: string
  let directory: DirectoryPublisher

  beforeEach(async () => {
    stack = new AsyncDisposableStack()
    clock = fakeClock()
    path = `${stack.use(tempDir()).path}/directory.db`
    directory = stack.use(await openSqliteDirectoryPublisher({ path, clock }))
  })
  afterEach(() => stack.disposeAsync())

  const start = async (): Promise<void> => {
    stack.use(startTicketKeyRotation({ directory, sealer, clock, random, log }))
    await clock.advance(0)
  }
  const keys = async (): Promise<string[]> =>
    (await directory.listTicketKeys()).map(({ sealed }) => {
      const key = sealer.open(sealed, TICKET_KEY_CONTEXT)
      expect(key).toHaveLength(TICKET_KEY_BYTES)
      return Buffer.from(key).toString('hex')
    })

  it('makes the first key at once, and a new one every twelve hours beside the last', async () => {
    await start()
    const [first, ...none] = await keys()
    expect(none).toEqual([])
    await clock.advance(12 * HOUR_MS - 10_000)
    expect(await keys()).toEqual([first])
    await clock.advance(20_000)
    const [second, ...older] = await keys()
    expect(older).toEqual([first])
    await clock.advance(12 * HOUR_MS)
    expect((await keys()).slice(1)).toEqual([second])
  })

  it('goes on with the keys of another process', async () => {
    await start()
    const before = await keys()
    await start()
    expect(await keys()).toEqual(before)
  })

  it('does not keep a key for years because the clock was set back', async () => {
    await start()
    const [first] = await keys()
    clock.jump(clock.now() - 365 * 24 * HOUR_MS)
    await start()
    expect((await keys()).slice(1)).toEqual([first])
  })

  it('replaces what cannot be read', async () => {
    {
      using file = new DatabaseSync(path)
      file.exec(`INSERT INTO state (key, value) VALUES ('ticket-keys', x'ff')`)
    }
    await start()
    expect(await keys()).toHaveLength(1)
  })
})
