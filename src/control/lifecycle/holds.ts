import type { CustomHostname } from '#domain/custom-hostname.ts'
import { HELD, type Hold } from '#domain/hold.ts'
import type { Hostname } from '#domain/hostname.ts'
import { Alarm } from '#lib/alarm.ts'
import type { HoldStore, HostnameChange, Store } from '#store/store.ts'

import { applyOwnership } from './apply.ts'
import { writeRecord, type WriteDependencies } from './write-record.ts'

/**
 * Blocks what is there already when a domain is held, in every zone, and has the edges refuse the
 * domain itself, which the wildcard of a domain above might serve. (What lies below a held domain only
 * wildcards serve that are held too.) What comes later the lifecycle blocks before it does anything else
 * with it. When the hold is removed the edges are told again, and the timelines of what it blocked.
 *
 * A hold stays unenforced in the store until all is done, so that a process that dies half way leaves
 * the rest to the next one. Any number of processes may do it at once.
 */
export interface HoldEnforcement extends AsyncDisposable {
  /** A hold may have been put or removed. */
  wake(): void
  /** Ends what is under way at its next wait. Idempotent. */
  close(): Promise<void>
}

/** Whether a hold covers the hostname now. */
export async function isHeld(
  { hostname }: Pick<CustomHostname, 'hostname'>,
  store: { readonly holds: Pick<HoldStore, 'findCovering'> },
): Promise<boolean> {
  return (await store.holds.findCovering(hostname)) !== undefined
}

/** Other control processes, that may have died since, take holds too: look at least this often. */
const LOOK_MS = 5_000
const AFTER_FAILURE_MS = 1_000
/** Records written side by side: they share their commits. */
const AT_ONCE = 50

export interface HoldDependencies extends WriteDependencies {
  store: Store
  /** Gives the edges what they are to have of the name now. */
  publishName(hostname: Hostname): Promise<void>
}

export function startHoldEnforcement(options: HoldDependencies): HoldEnforcement {
  const { store, clock, log } = options
  const closing = new AbortController()
  const alarm = new Alarm(clock)
  const run = async (): Promise<void> => {
    while (!closing.signal.aborted) {
      try {
        const hold = await store.holds.findUnenforced()
        if (hold) await enforce(hold, options, closing.signal)
        else await alarm.sleep(LOOK_MS)
      } catch (error) {
        if (closing.signal.aborted) return
        log.error({ err: error }, 'cannot carry a hold out, will retry')
        await clock.sleep(AFTER_FAILURE_MS, closing.signal).catch(() => {})
      }
    }
  }
  const running = run()
  const close = async (): Promise<void> => {
    closing.abort(new DOMException('closing', 'AbortError'))
    alarm.wake()
    await running
  }
  return { wake: () => alarm.wake(), close, [Symbol.asyncDispose]: close }
}

async function enforce(hold: Hold, deps: HoldDependencies, signal: AbortSignal): Promise<void> {
  const { store, clock, log } = deps
  const { domain, by, removedAt } = hold
  const act = removedAt === undefined ? block : noteRelease
  let count = 0
  for await (const records of store.hostnames.allCoveredBy(hold)) {
    for (let start = 0; start < records.length; start += AT_ONCE) {
      signal.throwIfAborted()
      const batch = records.slice(start, start + AT_ONCE)
      const concerned = await Promise.all(batch.map((record) => act(record, hold, deps)))
      count += concerned.filter(Boolean).length
    }
    signal.throwIfAborted()
  }
  await deps.publishName(domain)
  await store.holds.noteEnforced(hold, clock.now())
  log.info({ domain, by, count }, removedAt === undefined ? BLOCKED : RELEASED)
}

const BLOCKED = 'domain held: its hostnames are blocked'
const RELEASED = 'domain held no longer: an edit takes its hostnames up again'

/** The hold may have been removed, or put otherwise, since the record was found. */
async function block(
  { id, ownership, ...record }: CustomHostname,
  { by }: Hold,
  deps: HoldDependencies,
): Promise<boolean> {
  const { store, clock } = deps
  if (ownership.state === 'blocked' || !(await isHeld(record, store))) return false
  const change: HostnameChange = (current) => applyOwnership(current, HELD, clock.now())
  const written = await writeRecord({ id, change, by }, deps)
  return written?.ownership.state === 'blocked'
}

/** Another hold may cover it too. */
async function noteRelease(
  record: CustomHostname,
  { domain, by }: Hold,
  { store, clock }: HoldDependencies,
): Promise<boolean> {
  if (record.ownership.state !== 'blocked' || (await isHeld(record, store))) return false
  const fact = { kind: 'ownership.released', details: { domain } } as const
  await store.timeline.append([{ hostnameId: record.id, at: clock.now(), by, ...fact }])
  return true
}
