import {
  isServable,
  isServableWildcard,
  servingOf,
  type CustomHostname,
} from '#domain/custom-hostname.ts'
import { parentOf } from '#domain/hostname.ts'
import type { Clock } from '#lib/clock.ts'
import type { HostnameStore, ZoneStore } from '#store/store.ts'

import { applyOwnership } from './apply.ts'

/**
 * Two zones may have the same name; the edges serve it for one (`servingOf`). While they do, they
 * answer HTTP challenges for it whoever asks: another zone must show by DNS that the name moved to
 * it. When it has, the older record is `moved` (spec section 2.1); when the older one is removed, the
 * other one is looked at anew.
 */
export interface RivalOptions {
  store: RivalStore
  clock: Clock
  /** Publishes what changed. */
  onFact: () => void
  defaultCnameTarget: string | undefined
}

export interface RivalStore {
  readonly zones: Pick<ZoneStore, 'find'>
  readonly hostnames: Pick<HostnameStore, 'find' | 'listByName' | 'update'>
}

/** The records of the same name, whatever zone they are in. */
export async function listOthers(
  { id, hostname }: CustomHostname,
  store: Pick<RivalStore, 'hostnames'>,
): Promise<CustomHostname[]> {
  const records = await store.hostnames.listByName(hostname)
  return records.filter((other) => other.id !== id)
}

/** Records of other zones whose wildcard serves the name. */
async function listWildcards(
  { hostname, zoneId }: CustomHostname,
  store: Pick<RivalStore, 'hostnames'>,
): Promise<CustomHostname[]> {
  const parent = parentOf(hostname)
  const above = parent === undefined ? [] : await store.hostnames.listByName(parent)
  return above.filter((one) => one.zoneId !== zoneId && isServableWildcard(one))
}

async function listServing(
  record: CustomHostname,
  others: readonly CustomHostname[],
  store: Pick<RivalStore, 'hostnames'>,
): Promise<CustomHostname[]> {
  // One that is proved goes before the wildcard, whose zone has not its name.
  const wildcards = isServable(record) ? [] : await listWildcards(record, store)
  return [...others.filter(isServable), ...wildcards]
}

/** Whether the edges serve the name for another record than this. */
export async function isServedElsewhere(
  record: CustomHostname,
  store: Pick<RivalStore, 'hostnames'>,
): Promise<boolean> {
  const serving = await listServing(record, await listOthers(record, store), store)
  return serving.length > 0
}

/**
 * CNAME targets of the zones that serve the name, by a record of its own or by the wildcard above it;
 * undefined where nobody does.
 */
export async function rivalTargetsOf(
  record: CustomHostname,
  others: readonly CustomHostname[],
  { store, defaultCnameTarget }: RivalOptions,
): Promise<string[] | undefined> {
  const serving = await listServing(record, others, store)
  if (serving.length === 0) return undefined
  const zones = await Promise.all(serving.map(({ zoneId }) => store.zones.find(zoneId)))
  return zones
    .map((zone) => zone?.cnameTarget ?? defaultCnameTarget)
    .filter((target) => target !== undefined)
}

/**
 * Those that were proved before another one have lost the name. Asked after each proof, and whenever a
 * proved record is worked on: the process may have died right after the proof was written.
 */
export async function moveRivals(
  { hostname }: CustomHostname,
  { store, clock, onFact }: RivalOptions,
): Promise<void> {
  const rivals = (await store.hostnames.listByName(hostname)).filter(isServable)
  const winner = servingOf(rivals)
  if (!winner) return
  const reason = `${hostname} was verified for another zone later.`
  for (const loser of rivals.filter((rival) => rival !== winner)) {
    const event = { type: 'moved-away', reason } as const
    await store.hostnames.update(loser.id, (current) =>
      hasTaken(winner, current) ? applyOwnership(current, event, clock.now()) : undefined,
    )
    onFact()
  }
}

/** The name is free: who was denied it need not wait until the end of its back-off. */
export async function retryRivals(
  removed: CustomHostname,
  { store, clock }: Pick<RivalOptions, 'store' | 'clock'>,
): Promise<void> {
  for (const { id } of await listOthers(removed, store)) {
    await store.hostnames.update(id, (current) =>
      current.ownership.state === 'pending'
        ? applyOwnership(current, { type: 'restart' }, clock.now())
        : undefined,
    )
  }
}

/** Two that were proved at once must not both lose: `servingOf` says the same to each. */
function hasTaken(winner: CustomHostname, from: CustomHostname): boolean {
  return isServable(from) && servingOf([winner, from]) === winner
}
