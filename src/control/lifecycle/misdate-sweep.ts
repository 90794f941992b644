import { LOCAL_CA } from '#domain/certificate-authority.ts'
import type { CustomHostname } from '#domain/custom-hostname.ts'
import { withoutMisdates } from '#domain/misdated.ts'
import { Alarm } from '#lib/alarm.ts'
import type { Clock } from '#lib/clock.ts'
import type { Logger } from '#lib/log.ts'
import type { Store } from '#store/store.ts'

/**
 * Finds what a clock that was ahead wrote, and makes it due: without it such records would lie idle
 * until that clock's time comes. Looks at start and once a minute, by an index that is empty otherwise.
 */
export interface MisdateSweep extends AsyncDisposable {
  /** Ends what is under way at its next wait. Idempotent. */
  close(): Promise<void>
}

export interface MisdateSweepOptions {
  store: Pick<Store, 'zones' | 'hostnames' | 'certificates'>
  clock: Clock
  log: Logger
  /** Something became due. */
  wake(): void
}

const SWEEP_MS = 60_000
/** Records written side by side: they share their commits. */
const AT_ONCE = 50

export function startMisdateSweep(options: MisdateSweepOptions): MisdateSweep {
  const { clock, log } = options
  const closing = new AbortController()
  const alarm = new Alarm(clock)
  const run = async (): Promise<void> => {
    while (!closing.signal.aborted) {
      try {
        await sweep(options, closing.signal)
      } catch (error) {
        if (!closing.signal.aborted) {
          log.error({ err: error }, 'cannot look for misdated hostnames, will retry')
        }
      }
      await alarm.sleep(SWEEP_MS)
    }
  }
  const running = run()
  const close = async (): Promise<void> => {
    closing.abort(new DOMException('closing', 'AbortError'))
    alarm.wake()
    await running
  }
  return { close, [Symbol.asyncDispose]: close }
}

async function sweep(options: MisdateSweepOptions, signal: AbortSignal): Promise<void> {
  const { store, clock, log, wake } = options
  if (await isBehind(options)) {
    log.warn({}, 'the clock is behind: the first zone was created later')
    return
  }
  let count = 0
  for await (const records of store.hostnames.allMisdated(clock.now())) {
    for (let start = 0; start < records.length; start += AT_ONCE) {
      signal.throwIfAborted()
      const batch = records.slice(start, start + AT_ONCE)
      const changed = await Promise.all(batch.map((record) => mend(record, options)))
      count += changed.filter(Boolean).length
    }
    wake()
  }
  if (count > 0) log.warn({ count }, 'hostnames were written by a clock that was ahead: due now')
}

/**
 * Whether it is our clock that is wrong, as that of a machine without a battery before it has asked for
 * the time. Whatever is stored looks ahead of it then.
 */
async function isBehind({ store, clock }: MisdateSweepOptions): Promise<boolean> {
  const { items } = await store.zones.list({ page: 1, perPage: 1 })
  return items.some(({ createdAt }) => createdAt > clock.now())
}

/** @returns whether anything was written */
async function mend(
  found: CustomHostname,
  { store, clock }: MisdateSweepOptions,
): Promise<boolean> {
  const { id } = found
  const now = clock.now()
  const certificates = await store.certificates.listByHostname(id)
  // Others date theirs by a clock of their own: what is not valid yet says that ours is behind.
  const ahead = certificates.filter(({ ca, createdAt }) => ca === LOCAL_CA && createdAt > now)
  const options = { now, datedAhead: new Set(ahead.map((certificate) => certificate.id)) }
  if (withoutMisdates(found, options) === found) return false
  let isChanged = false
  await store.hostnames.update(id, (current) => {
    const record = withoutMisdates(current, options)
    isChanged = record !== current
    return isChanged ? { record } : undefined
  })
  return isChanged
}
