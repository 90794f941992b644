import type { CustomHostname } from '#domain/custom-hostname.ts'
import type { Clock } from '#lib/clock.ts'
import type { Logger } from '#lib/log.ts'
import type { HostnameChange, HostnameStore } from '#store/store.ts'

import { newOwnTrouble, newRenewalProblem } from './retirement.ts'
import { tellStatus } from './tell-status.ts'

export interface WriteDependencies {
  store: { readonly hostnames: Pick<HostnameStore, 'update'> }
  clock: Clock
  log: Logger
  /** There are new outbox rows. */
  onFact: () => void
  /** Removes the answers that are not wanted any more. */
  removeAnswers(before: CustomHostname, after: CustomHostname): Promise<void>
  /** Gives back what orders took that are not there any more (`giveBackDropped`). Never rejects. */
  dropOrders(before: CustomHostname, after: CustomHostname): Promise<void>
}

/**
 * Changes a record and does what goes with it: publishes, takes answers back, gives lost
 * orders back, tells the operator.
 *
 * @param by who wants it, for the timeline. @default Custos itself
 * @returns the record as it was written; undefined where nothing was
 */
export async function writeRecord(
  { id, change, by }: { id: string; change: HostnameChange; by?: string },
  { store, log, clock, onFact, removeAnswers, dropOrders }: WriteDependencies,
): Promise<CustomHostname | undefined> {
  let before: CustomHostname | undefined
  const changeSeen = (current: CustomHostname): ReturnType<HostnameChange> => {
    before = current
    return change(current)
  }
  const after = await store.hostnames.update(id, changeSeen, by === undefined ? {} : { by })
  if (!after || !before || after === before) return undefined
  if (after.deployment.serial > before.deployment.serial) onFact()
  // What cannot be removed now expires by itself.
  await removeAnswers(before, after).catch(() => {})
  await dropOrders(before, after)
  tell({ before, after }, { log, now: clock.now() })
  return after
}

/** An operator learns of each change of state, and of a renewal that does not get on, once. */
function tell(
  { before, after }: { before: CustomHostname; after: CustomHostname },
  { log, now }: { log: Logger; now: number },
): void {
  const { hostname, id: hostnameId } = after
  const trouble = newRenewalProblem(before, after)
  if (trouble) {
    const expires = new Date(trouble.notAfter).toISOString()
    log.warn({ hostname, hostnameId, ...trouble, expires }, 'renewal does not get on')
  }
  const own = newOwnTrouble(before, after)
  if (own) log.warn({ hostname, hostnameId, ...own }, 'a customer’s own certificate needs somebody')
  tellStatus({ before, after }, { log, now })
}
