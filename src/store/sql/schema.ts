import type { Generated } from 'kysely'

/**
 * The tables, in words that SQLite and PostgreSQL share: instants are integers (milliseconds since
 * the epoch), truth values are 0 or 1, documents are JSON text.
 */
export interface Schema {
  schema_history: SchemaHistoryTable
  zones: ZoneTable
  custom_hostnames: CustomHostnameTable
  certificates: CertificateTable
  intermediates: IntermediateTable
  custom_csrs: CustomCsrTable
  outbox: OutboxTable
  newest_change: NewestChangeTable
  timeline: TimelineTable
  rate_buckets: RateBucketTable
  secrets: SecretTable
  ca_progress: CaProgressTable
  holds: HoldTable
}

export interface SchemaHistoryTable {
  version: number
  name: string
  applied_at: number
}

export interface ZoneTable {
  id: string
  name: string
  created_at: number
  /** Kept with each hostname made and removed: counting a million takes too long. */
  hostname_count: Generated<number>
  document: string
  document_version: number
}

export interface CustomHostnameTable extends HostnameIndexColumns {
  id: string
  zone_id: string
  hostname: string
  created_at: number
  /** The deployment is kept here and not in the document: a zone's republishing moves all serials. */
  serial: number
  published_serial: number | null
  published_change_id: string | null
  applied_serial: number
  /** Everything else of the record. */
  document: string
  document_version: number
  /** Nobody else's until then; 0: nobody's. */
  lease_until: Generated<number>
}

/** What the record implies, written beside it at each write so that it can be found by it. */
export interface HostnameIndexColumns {
  due_at: number | null
  /** 1: `isLookedAtAgain`. */
  due_again: number
  /** `earliestWriteOf`: later than now, and a clock that was ahead wrote it. */
  written_after: number | null
  hostname_status: string
  /** As it is apart from the instants below, the only ones at which it changes by itself. */
  ssl_status: string | null
  ssl_overdue_at: number | null
  ssl_expiring_at: number | null
  ssl_expires_at: number | null
  has_ssl: number
  wildcard: number
  certificate_authority: string | null
  custom_origin_server: string | null
  /** The name from its last label to its first, so that all names below one stand together. */
  reversed_name: string
  /** Unique with zone and name: '' for the record that holds the name, its id for one that gave it up. */
  name_claim: string
  /** Where it stands among those that wait for the edges; null when nothing is waited for. */
  deployment_order: string | null
}

export interface CertificateTable {
  id: string
  hostname_id: string
  /** Name of the issuer; null: the caller's own, or written before there was this column. */
  ca: string | null
  key_algorithm: string
  leaf: Uint8Array
  /** SHA-256 of each, as a JSON list, in order. */
  intermediates: string
  sealed_key: Uint8Array
  /** The custom CSR whose key it has. */
  csr_id: string | null
  issuer: string
  serial_number: string
  signature: string
  fingerprint_sha256: string
  hosts: string
  not_before: number
  not_after: number
  created_at: number
}

/** Shared by all certificates that a CA signs with it: a million hostnames have a handful. */
export interface IntermediateTable {
  fingerprint: string
  der: Uint8Array
  /** SHA-256 of its subject, hexadecimal; null where it cannot be read. */
  subject_hash: string | null
}

export interface CustomCsrTable {
  id: string
  /** Null: the account's. */
  zone_id: string | null
  /** Empty: none. */
  name: string
  created_at: number
  csr: Uint8Array
  sealed_key: Uint8Array
  /** Everything else. */
  document: string
  document_version: number
}

export interface OutboxTable {
  /** Grows with each row: the oldest first. */
  position: Generated<number>
  hostname_id: string
  serial: number
}

/** One row: the newest place that the directory's change log was seen to have. */
export interface NewestChangeTable {
  id: 1
  change_id: string
}

export interface TimelineTable {
  hostname_id: string
  /** Counts the hostname's events from 1. The oldest go first, so there is never a gap. */
  position: number
  at: number
  actor: string
  kind: string
  /** JSON. */
  details: string
}

export interface RateBucketTable {
  ca: string
  limit_name: string
  bucket_key: string
  /** See domain/rate-limit.ts. */
  full_at: number
}

/** See store/outages.ts. */
export interface CaProgressTable {
  ca: string
  reached: number
  at: number
  is_away: number
}

export interface SecretTable {
  name: string
  sealed: Uint8Array
}

export interface HoldTable {
  domain: string
  reason: string | null
  include_subdomains: number
  created_at: number
  updated_at: number
  /** Null while it is still being carried out. */
  enforced_at: number | null
  /** Who put or removed it last. */
  actor: string
  /** Null while it is there. */
  removed_at: number | null
}
