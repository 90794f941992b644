import type { ChangeId, DirectoryPublisher } from '#directory/directory.ts'
import type { Binding } from '#domain/binding.ts'
import { isServableWildcard, servingOf, type CustomHostname } from '#domain/custom-hostname.ts'
import { parentOf, type Hostname } from '#domain/hostname.ts'
import type { Store } from '#store/store.ts'

import { HOLD_ID, renderBinding, renderHold } from './render-binding.ts'

/**
 * Writes into the directory what the edges are to have of a name now, by the newest facts: the binding
 * of the record that is served; else none, so that the wildcard above serves it; or, where that must not
 * because the name is held, one that says so.
 *
 * @returns undefined where the name has neither a record nor a hold: nothing is written then
 * @throws {DirectoryError} while the directory is away
 */
export type CarryName = (hostname: Hostname) => Promise<ChangeId | undefined>

export interface NameCarrierOptions {
  store: Pick<Store, 'hostnames' | 'holds' | 'zones' | 'certificates'>
  directory: Pick<DirectoryPublisher, 'publish' | 'withdraw'>
}

/** What edges are to have of a name. */
type Wanted =
  /** `isFinal`: whatever is held. */
  | { kind: 'record'; record: CustomHostname; isFinal: boolean }
  /** The wildcard above serves the name, although it has a record. */
  | { kind: 'above'; record: CustomHostname }
  | { kind: 'hold' }
  | { kind: 'nothing' }

/**
 * Where a hold decides, the store is looked at again after each writing: whoever else put or removed one
 * meanwhile, in this process or another, may have written first. Among records serials decide.
 */
export function createNameCarrier({ store, directory }: NameCarrierOptions): CarryName {
  const write = async (hostname: Hostname, wanted: Wanted): Promise<ChangeId> => {
    switch (wanted.kind) {
      case 'record':
        return directory.publish(await renderRecord(wanted.record, store))
      case 'above':
        return directory.withdraw(hostname, wanted.record.id)
      case 'hold':
        return directory.publish(renderHold(hostname))
      case 'nothing':
        return directory.withdraw(hostname, HOLD_ID)
      default:
        return wanted satisfies never
    }
  }
  return async (hostname) => {
    let change: ChangeId | undefined
    for (let written: Wanted = { kind: 'nothing' }; ;) {
      const wanted = await decide(hostname, store)
      if (isSame(wanted, written)) return change
      change = await write(hostname, wanted)
      if (wanted.kind === 'record' && wanted.isFinal) return change
      written = wanted
    }
  }
}

/**
 * A name that a wildcard serves stays served while nobody has proved it: creating it must not take it out
 * of service. Challenges are answered by way of the wildcard meanwhile. What is held is refused.
 */
async function decide(hostname: Hostname, store: NameCarrierOptions['store']): Promise<Wanted> {
  const record = servingOf(await store.hostnames.listByName(hostname))
  if (!record) return { kind: (await store.holds.find(hostname)) ? 'hold' : 'nothing' }
  const parent = parentOf(hostname)
  const isProved = record.ownership.state === 'verified'
  const above = isProved || !parent ? [] : await store.hostnames.listByName(parent)
  if (!above.some(isServableWildcard)) return { kind: 'record', record, isFinal: true }
  return (await store.holds.findCovering(hostname))
    ? { kind: 'record', record, isFinal: false }
    : { kind: 'above', record }
}

function isSame(one: Wanted, other: Wanted): boolean {
  const idOf = (wanted: Wanted): string => ('record' in wanted ? wanted.record.id : '')
  return one.kind === other.kind && idOf(one) === idOf(other)
}

async function renderRecord(
  record: CustomHostname,
  store: NameCarrierOptions['store'],
): Promise<Binding> {
  const zone = await store.zones.find(record.zoneId)
  if (!zone) {
    throw new Error(`Cannot publish hostname ${record.id}: its zone ${record.zoneId} is gone`)
  }
  const certificates = await store.certificates.listByHostname(record.id)
  return renderBinding({ record, zone, certificates })
}
