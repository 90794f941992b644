import {
  DirectoryError,
  TICKET_KEY_BYTES,
  TICKET_KEY_CONTEXT,
  type DirectoryPublisher,
  type TicketKey,
} from '#directory/directory.ts'
import { Alarm } from '#lib/alarm.ts'
import type { Clock } from '#lib/clock.ts'
import type { Logger } from '#lib/log.ts'
import type { Random } from '#lib/random.ts'
import type { Sealer } from '#lib/sealing.ts'

/**
 * Makes the keys under which edges seal session tickets (RFC 5077, RFC 8446 section 4.6.1), so that
 * any worker of any edge accepts what another one gave out, and replaces them before they are old:
 * who gets hold of a key can read the sessions of that time.
 *
 * Several control processes may run: each looks at the age of what is there before it rotates. When
 * two rotate at once the later wins, at the cost of some full handshakes.
 */
export interface TicketKeyRotation extends AsyncDisposable {
  close(): Promise<void>
}

export interface TicketKeyRotationOptions {
  directory: DirectoryPublisher
  sealer: Sealer
  clock: Clock
  random: Random
  log: Logger
}

const ROTATE_MS = 12 * 3_600_000
const CHECK_MS = 5_000
/** The newest encrypts; the one before is kept for edges that learn of the new one a little later. */
const KEPT = 2

export function startTicketKeyRotation(options: TicketKeyRotationOptions): TicketKeyRotation {
  const { clock, log } = options
  const alarm = new Alarm(clock)
  const closing = new AbortController()

  async function run(): Promise<void> {
    while (!closing.signal.aborted) {
      try {
        await rotateIfDue(options)
      } catch (error) {
        if (!(error instanceof DirectoryError))
          log.error({ err: error }, 'cannot rotate ticket keys')
      }
      await alarm.sleep(CHECK_MS)
    }
  }

  const running = run()
  const close = async (): Promise<void> => {
    closing.abort()
    alarm.wake()
    await running
  }
  return { close, [Symbol.asyncDispose]: close }
}

async function rotateIfDue(options: TicketKeyRotationOptions): Promise<void> {
  const { directory, sealer, clock, random, log } = options
  const keys = await listReadable(directory)
  const now = clock.now()
  const newest = keys[0]
  // One from the future was made before the clock was set back.
  if (newest && Math.abs(now - newest.createdAt) < ROTATE_MS) return
  const sealed = sealer.seal(random.bytes(TICKET_KEY_BYTES), TICKET_KEY_CONTEXT)
  await directory.putTicketKeys([{ sealed, createdAt: now }, ...keys].slice(0, KEPT))
  log.info({ isFirst: newest === undefined }, 'session ticket key rotated')
}

/** Keys that cannot be read are as good as none: new ones take their place. */
async function listReadable(directory: DirectoryPublisher): Promise<TicketKey[]> {
  try {
    return await directory.listTicketKeys()
  } catch (error) {
    if (error instanceof DirectoryError && error.kind === 'corrupt') return []
    throw error
  }
}
