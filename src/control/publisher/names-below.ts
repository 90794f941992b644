import type { CustomHostname } from '#domain/custom-hostname.ts'
import { parentOf } from '#domain/hostname.ts'
import type { Logger } from '#lib/log.ts'
import { SingleFlight } from '#lib/single-flight.ts'
import type { HostnameStore, OutboxRow } from '#store/store.ts'

export interface NamesBelowOptions {
  store: { readonly hostnames: Pick<HostnameStore, 'allCoveredBy'> }
  log: Logger
  /** Publishes one hostname. */
  publish(row: OutboxRow): Promise<void>
  /** Ends it before the next name. */
  signal: AbortSignal
}

/**
 * Whether a wildcard is served says whether names below it that are not proved have bindings of their
 * own. There may be thousands: one after the other, and nobody waits for them.
 */
export class NamesBelow {
  readonly #options: NamesBelowOptions
  /** By the wildcards' ids. */
  readonly #running = new SingleFlight<string, void>()
  readonly #due = new Set<string>()

  constructor(options: NamesBelowOptions) {
    this.#options = options
  }

  /** Begins to publish again the names below this wildcard. */
  publish(wildcard: CustomHostname): void {
    const { id } = wildcard
    this.#due.add(id)
    void this.#running.run(id, async () => {
      // Once more where it was published meanwhile: the first of them may have seen what was before.
      while (this.#due.delete(id)) await this.#publishBelow(wildcard)
    })
  }

  /** Resolves when nothing is under way. */
  settled(): Promise<void> {
    return this.#running.settled()
  }

  /** Never rejects. */
  async #publishBelow(wildcard: CustomHostname): Promise<void> {
    const { hostname, id: hostnameId } = wildcard
    try {
      await this.#publishUnproved(wildcard)
    } catch (err) {
      const message = 'cannot publish the names below a wildcard'
      this.#options.log.warn({ err, hostname, hostnameId }, message)
    }
  }

  async #publishUnproved({ hostname }: CustomHostname): Promise<void> {
    const { store, publish, signal } = this.#options
    const covered = { domain: hostname, includeSubdomains: true }
    for await (const records of store.hostnames.allCoveredBy(covered)) {
      for (const { id, hostname: name, ownership, deployment } of records) {
        if (signal.aborted) return
        const isBelow = parentOf(name) === hostname && ownership.state !== 'verified'
        if (isBelow) await publish({ hostnameId: id, serial: deployment.serial })
      }
    }
  }
}
