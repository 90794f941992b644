import type { Certificate } from '#domain/certificate.ts'
import type { CustomCsr } from '#domain/custom-csr.ts'
import type { CustomHostname } from '#domain/custom-hostname.ts'
import type { Hold, NewHold } from '#domain/hold.ts'
import type { Hostname } from '#domain/hostname.ts'
import type { HostnameStatus, SslStatus } from '#domain/status.ts'
import type { Zone } from '#domain/zone.ts'

import type { BudgetStore } from './budget.ts'
import type { OutageStore } from './outages.ts'
import type { Page, PageOf } from './page.ts'
import type { TimelineStore } from './timeline.ts'

/**
 * THE PORT to the control plane's truth. One contract, run unchanged by every dialect's tests.
 *
 * - Durable: when a writing call resolves, its effect survives the death of process and machine.
 * - Atomic: a writing call happens whole or not at all; its outbox rows are in the same transaction
 *   as the fact they announce.
 * - Isolated: `update` runs its function on the newest record while no other writer can change it.
 * - Instants are milliseconds since the epoch; ids are given by the caller.
 */
export interface Store extends AsyncDisposable {
  readonly zones: ZoneStore
  readonly hostnames: HostnameStore
  readonly certificates: CertificateStore
  readonly csrs: CsrStore
  readonly outbox: Outbox
  readonly timeline: TimelineStore
  readonly budget: BudgetStore
  readonly outages: OutageStore
  readonly secrets: SecretStore
  readonly holds: HoldStore
  /** Waits for running calls, then closes. Idempotent. */
  close(): Promise<void>
}

export interface ZoneStore {
  list(page: Page & { name?: string }): Promise<PageOf<Zone>>
  find(id: string): Promise<Zone | undefined>
  findByName(name: string): Promise<Zone | undefined>
  /** @throws {StoreError} `duplicate` when the name or id is taken */
  create(zone: Zone): Promise<void>
  /**
   * Replaces the zone by what `change` returns. Where `republish` is set, every hostname of the zone
   * gets its next serial and an outbox row in the same transaction.
   *
   * @returns the new zone, or undefined where there is none
   */
  update(
    id: string,
    change: (zone: Zone) => Zone,
    options?: { republish?: boolean },
  ): Promise<Zone | undefined>
  /**
   * @returns false where there is no such zone
   * @throws {StoreError} `not-empty` while it has hostnames
   */
  remove(id: string): Promise<boolean>
}

export interface HostnameStore {
  find(id: string): Promise<CustomHostname | undefined>
  /** Every zone's record of that name, those under removal too: normally one. */
  listByName(hostname: Hostname): Promise<CustomHostname[]>
  list(zoneId: string, filter: HostnameFilter, page: Page): Promise<PageOf<CustomHostname>>
  /** Every hostname, for `republish`, in batches, in order of id. */
  all(options?: { batchSize?: number }): AsyncIterable<CustomHostname[]>
  /**
   * Every zone's hostnames that a hold covers, in batches. Each read is short and holds up no writer:
   * of what is written meanwhile some is among them and some is not.
   */
  allCoveredBy(hold: Pick<NewHold, 'domain' | 'includeSubdomains'>): AsyncIterable<CustomHostname[]>
  count(zoneId: string): Promise<number>
  /** Of all zones. */
  countAll(): Promise<number>
  /** Whether the zone has a name that ends with `.${hostname}`, whatever became of its record. */
  hasNameBelow(zoneId: string, hostname: Hostname): Promise<boolean>
  /**
   * Writes a new record, its certificates, the outbox row that publishes it, and the first event of its
   * timeline.
   *
   * @throws {StoreError} `duplicate` when the zone has the name already (a record whose ownership is
   *   `deleted` has given it up) or the id is taken, `no-such-zone`, `no-such-csr`
   */
  create(record: CustomHostname, options?: CreateOptions): Promise<void>
  /**
   * Reads the record, applies `change` and writes what it returns, all in one transaction. `change`
   * must be pure: it may run again. It returns undefined to leave everything as it is.
   * An outbox row is written exactly when the new record's `deployment.serial` is larger; what
   * differs is added to the timeline (`timelineOf`).
   *
   * @returns the record after the call, or undefined where there is none
   * @throws {StoreError} `duplicate` when a `deleted` record is revived whose name is taken again,
   *   `no-such-csr` when a certificate is added whose CSR is gone
   */
  update(
    id: string,
    change: HostnameChange,
    options?: WriteOptions,
  ): Promise<CustomHostname | undefined>
  /**
   * Removes the record, its certificates with their keys, and its timeline.
   *
   * @returns false where there is none
   */
  remove(id: string): Promise<boolean>
  /**
   * Leases up to `limit` records that are due at `now` (`dueAt`) and not leased, the longest due
   * first, to nobody else until `now + leaseMs`. A record may have changed by the time it is worked
   * on: `update` decides on the newest. A lease that was given before the clock was set far back is
   * none.
   *
   * @param options.again only those that are looked at again (`isLookedAtAgain`), or only the others
   */
  claimDue(
    now: number,
    options: { leaseMs: number; limit: number; again: boolean },
  ): Promise<CustomHostname[]>
  /** Leases one record, due or not. @returns undefined where there is none or it is leased */
  claim(id: string, now: number, leaseMs: number): Promise<CustomHostname | undefined>
  /** The holder of a lease needs longer: nobody else gets the record until `until`. */
  extendLease(id: string, until: number): Promise<void>
  /** Ends a lease early; the record is claimable again as soon as it is due. */
  release(id: string): Promise<void>
  /** The earliest instant at which `claimDue` could return something; undefined where none will. */
  nextDueAt(again: boolean): Promise<number | undefined>
  /**
   * Records that a clock wrote which was ahead of `now` (`earliestWriteOf`), in batches: normally none,
   * and found without reading any other.
   */
  allMisdated(now: number): AsyncIterable<CustomHostname[]>
  countMisdated(now: number): Promise<number>
  /** Hostnames of all zones a certificate of which is over at `instant` unless it is replaced. */
  countExpiringBy(instant: number): Promise<number>
  /** Records whose publication is not known to be applied everywhere (or whose removal is not). */
  listUndeployed(limit: number): Promise<CustomHostname[]>
}

export interface WriteOptions {
  /** Who asked for it, as the timeline says. @default SYSTEM */
  by?: string
}

export interface CreateOptions extends WriteOptions {
  /** Of the hostname itself, stored with it. */
  certificates?: readonly Certificate[]
}

export type HostnameChange = (record: CustomHostname) => HostnameUpdate | undefined

export interface HostnameUpdate {
  record: CustomHostname
  /** Stored with the record; of one that is there already nothing changes. */
  addCertificates?: readonly Certificate[]
  /** Ids; their keys are destroyed. */
  removeCertificates?: readonly string[]
}

export interface HostnameFilter {
  id?: string
  hostname?: string
  hostnameContains?: string
  hostnameStartsWith?: string
  hostnameStatus?: HostnameStatus
  sslStatus?: SslStatus
  hasSsl?: boolean
  certificateAuthority?: string
  wildcard?: boolean
  customOriginServer?: string
}

export interface CertificateStore {
  find(id: string): Promise<Certificate | undefined>
  /** In order of creation. */
  listByHostname(hostnameId: string): Promise<Certificate[]>
  /** Of several hostnames in one read, for lists and republishing. */
  listByHostnames(hostnameIds: readonly string[]): Promise<Certificate[]>
  /**
   * CA certificates (DER) that came with any certificate until now and have this subject, as
   * `X509Certificate.subject` writes it; at most 16, since anyone may make one of that name. Nothing
   * is said of their signatures.
   */
  findIntermediates(subject: string): Promise<Uint8Array[]>
}

/** Requests of callers who take them to a CA of their own. */
export interface CsrStore {
  /** Those of one zone, or (undefined) those of the account. */
  list(zoneId: string | undefined, page: CsrPage): Promise<PageOf<CustomCsr>>
  find(id: string): Promise<CustomCsr | undefined>
  /** @throws {StoreError} `duplicate` when the id is taken, `no-such-zone` */
  create(csr: CustomCsr): Promise<void>
  /**
   * Removes it and destroys its key.
   *
   * @returns false where there is none
   * @throws {StoreError} `in-use` while a certificate has its key
   */
  remove(id: string): Promise<boolean>
}

export interface CsrPage extends Omit<Page, 'order'> {
  order?: 'created' | 'name'
}

/**
 * What must still be told to the directory: at most one open row a hostname, because a publication
 * always carries the whole newest binding.
 */
export interface Outbox {
  /** The oldest rows first. */
  list(limit: number): Promise<OutboxRow[]>
  /**
   * The publication `serial` reached the directory as `changeId`. Removes the row unless a newer
   * serial was written meanwhile, and records `deployment.published` in the same transaction.
   */
  complete(row: OutboxRow, changeId: string): Promise<void>
  /** Marks every hostname as to be published again with its present serial. @returns how many */
  enqueueAll(): Promise<number>
  /** The newest place in the directory's change log that was noted or completed; at first undefined. */
  newestChange(): Promise<string | undefined>
  /**
   * Notes a place that was written without a publication. An earlier one is passed over; one of
   * another length belongs to another directory and counts as newer.
   */
  noteChange(changeId: string): Promise<void>
}

export interface OutboxRow {
  hostnameId: string
  serial: number
}

/** Small named values that are not records: CA hierarchies, account keys. Sealed by the adapter. */
export interface SecretStore {
  /** @throws {StoreError} `wrong-key` when it was sealed with a key that is not known, or damaged */
  find(name: string): Promise<Uint8Array | undefined>
  /**
   * Writes it unless the name is taken.
   * @returns what is stored after the call: of two first writers both get the same
   */
  putIfAbsent(name: string, value: Uint8Array): Promise<Uint8Array>
}

/** Held domains: at most one hold a domain. */
export interface HoldStore {
  /** Creates the domain's hold or replaces it: unenforced either way. @returns it as it is stored */
  put(hold: NewHold, now: number, options?: WriteOptions): Promise<Hold>
  /**
   * From then on it holds nothing; `findUnenforced` alone still knows it, until `noteEnforced`.
   *
   * @returns false where there is none
   */
  remove(domain: Hostname, now: number, options?: WriteOptions): Promise<boolean>
  find(domain: Hostname): Promise<Hold | undefined>
  /** The nearest hold that covers the name: its own, or a parent's that includes subdomains. */
  findCovering(hostname: Hostname): Promise<Hold | undefined>
  /** In order of domain. */
  list(page: Page): Promise<PageOf<Hold>>
  /** Of those that are not carried out yet, or whose removal is not, the one put or removed first. */
  findUnenforced(): Promise<Hold | undefined>
  /** It, or its removal, is carried out, unless it was put or removed again meanwhile. */
  noteEnforced(hold: Hold, now: number): Promise<void>
}

export type StoreErrorKind =
  /** A name or id is taken. */
  | 'duplicate'
  | 'not-empty'
  | 'no-such-zone'
  | 'no-such-csr'
  /** A CSR whose key a certificate has. */
  | 'in-use'
  /** The database was written by a newer program. */
  | 'newer-schema'
  /** None of the secret keys given is the one that sealed the database's secrets. */
  | 'wrong-key'
  /** Cannot be read or written now: permissions, a full disk, a lock, closed. */
  | 'unavailable'
  /** Not a database of ours, damaged, or a record that cannot be understood. */
  | 'corrupt'

export class StoreError extends Error {
  override readonly name = 'StoreError'
  readonly kind: StoreErrorKind

  constructor(kind: StoreErrorKind, message: string, options?: ErrorOptions) {
    super(message, options)
    this.kind = kind
  }
}
