import { createHash } from 'node:crypto'

import type { Kysely, Selectable } from 'kysely'
import { LRUCache } from 'lru-cache'
import { z } from 'zod'

import { KEY_ALGORITHMS, type Certificate } from '#domain/certificate.ts'

import { StoreError, type CertificateStore } from '../store.ts'
import { subjectHash, subjectHashOf } from './intermediate-subject.ts'
import type { CertificateTable, Schema } from './schema.ts'
import type { SqlDatabase } from './sql-database.ts'

/** Values in one statement; SQLite takes 32766, PostgreSQL 65535. */
const MAX_IDS = 1_000
/** A CA has a handful; what tenants upload may differ for each. */
const MAX_INTERMEDIATES = 1_000
/** A CA renews its intermediates under one name, but not often. */
const MAX_OF_ONE_SUBJECT = 16

export class SqlCertificateStore implements CertificateStore {
  readonly #database: SqlDatabase
  /** They are named by what they hold, so they never change. */
  readonly #intermediates = new LRUCache<string, Uint8Array>({ max: MAX_INTERMEDIATES })

  constructor(database: SqlDatabase) {
    this.#database = database
  }

  async find(id: string): Promise<Certificate | undefined> {
    const [certificate] = await this.#select({ column: 'id', values: [id] })
    return certificate
  }

  listByHostname(hostnameId: string): Promise<Certificate[]> {
    return this.#select({ column: 'hostname_id', values: [hostnameId] })
  }

  async listByHostnames(hostnameIds: readonly string[]): Promise<Certificate[]> {
    const found: Certificate[] = []
    for (let start = 0; start < hostnameIds.length; start += MAX_IDS) {
      const values = hostnameIds.slice(start, start + MAX_IDS)
      found.push(...(await this.#select({ column: 'hostname_id', values })))
    }
    return found
  }

  async findIntermediates(subject: string): Promise<Uint8Array[]> {
    const rows = await this.#database.read((db) =>
      db
        .selectFrom('intermediates')
        .select('der')
        .where('subject_hash', '=', subjectHash(subject))
        .orderBy('fingerprint')
        .limit(MAX_OF_ONE_SUBJECT)
        .execute(),
    )
    return rows.map(({ der }) => der)
  }

  #select(by: { column: 'id' | 'hostname_id'; values: readonly string[] }): Promise<Certificate[]> {
    return this.#database.read(async (db) => {
      const rows = await db
        .selectFrom('certificates')
        .selectAll()
        .where(by.column, 'in', by.values)
        .orderBy('created_at')
        .orderBy('id')
        .execute()
      const lists = rows.map((row) => texts.parse(JSON.parse(row.intermediates)))
      const known = await this.#findIntermediates(db, new Set(lists.flat()))
      return rows.map((row, index) => fromCertificateRow(row, (lists[index] ?? []).map(known)))
    })
  }

  /** @returns a look-up that throws for what is not there, which no transaction can leave behind */
  async #findIntermediates(
    db: Kysely<Schema>,
    wanted: ReadonlySet<string>,
  ): Promise<(fingerprint: string) => Uint8Array> {
    const found = new Map<string, Uint8Array>()
    const missing: string[] = []
    for (const fingerprint of wanted) {
      const der = this.#intermediates.get(fingerprint)
      if (der) found.set(fingerprint, der)
      else missing.push(fingerprint)
    }
    for (let start = 0; start < missing.length; start += MAX_IDS) {
      const rows = await db
        .selectFrom('intermediates')
        .select(['fingerprint', 'der'])
        .where('fingerprint', 'in', missing.slice(start, start + MAX_IDS))
        .execute()
      for (const { fingerprint, der } of rows) {
        found.set(fingerprint, der)
        this.#intermediates.set(fingerprint, der)
      }
    }
    return (fingerprint) => {
      const der = found.get(fingerprint)
      if (!der) throw new StoreError('corrupt', `Cannot find the intermediate ${fingerprint}`)
      return der
    }
  }
}

/**
 * Those that are there already are left as they are.
 *
 * @throws {StoreError} `no-such-csr`
 */
export async function addCertificates(
  db: Kysely<Schema>,
  certificates: readonly Certificate[],
): Promise<void> {
  await checkCsrs(db, certificates)
  for (const certificate of certificates) {
    const intermediates = certificate.chain.intermediates.map((der) => ({
      fingerprint: createHash('sha256').update(der).digest('hex'),
      der,
      subject_hash: subjectHashOf(der),
    }))
    if (intermediates.length > 0) {
      await db
        .insertInto('intermediates')
        .values(intermediates)
        .onConflict((conflict) => conflict.column('fingerprint').doNothing())
        .execute()
    }
    const fingerprints = intermediates.map(({ fingerprint }) => fingerprint)
    await db
      .insertInto('certificates')
      .values(toCertificateRow(certificate, fingerprints))
      .onConflict((conflict) => conflict.column('id').doNothing())
      .execute()
  }
}

/** Nobody removes a CSR between this and the end of the transaction. */
async function checkCsrs(db: Kysely<Schema>, certificates: readonly Certificate[]): Promise<void> {
  for (const { id, csrId } of certificates) {
    if (csrId === undefined) continue
    const csr = await db
      .selectFrom('custom_csrs')
      .select('id')
      .where('id', '=', csrId)
      .executeTakeFirst()
    if (csr) continue
    throw new StoreError('no-such-csr', `Cannot add the certificate ${id}: no CSR ${csrId}`)
  }
}

export async function removeCertificates(
  db: Kysely<Schema>,
  { hostnameId, ids }: { hostnameId: string; ids: readonly string[] },
): Promise<void> {
  if (ids.length === 0) return
  await db
    .deleteFrom('certificates')
    .where('hostname_id', '=', hostnameId)
    .where('id', 'in', ids)
    .execute()
}

const texts = z.array(z.string())
const keyAlgorithm = z.enum(KEY_ALGORITHMS)

function toCertificateRow(
  certificate: Certificate,
  intermediates: readonly string[],
): Selectable<CertificateTable> {
  return {
    id: certificate.id,
    hostname_id: certificate.hostnameId,
    ca: certificate.ca ?? null,
    key_algorithm: certificate.keyAlgorithm,
    leaf: certificate.chain.leaf,
    intermediates: JSON.stringify(intermediates),
    sealed_key: certificate.sealedKey,
    csr_id: certificate.csrId ?? null,
    issuer: certificate.issuer,
    serial_number: certificate.serialNumber,
    signature: certificate.signature,
    fingerprint_sha256: certificate.fingerprintSha256,
    hosts: JSON.stringify(certificate.hosts),
    not_before: certificate.notBefore,
    not_after: certificate.notAfter,
    created_at: certificate.createdAt,
  }
}

function fromCertificateRow(
  row: Selectable<CertificateTable>,
  intermediates: readonly Uint8Array[],
): Certificate {
  return {
    id: row.id,
    hostnameId: row.hostname_id,
    ca: row.ca ?? undefined,
    keyAlgorithm: keyAlgorithm.parse(row.key_algorithm),
    chain: { leaf: row.leaf, intermediates },
    sealedKey: row.sealed_key,
    ...(row.csr_id !== null && { csrId: row.csr_id }),
    issuer: row.issuer,
    serialNumber: row.serial_number,
    signature: row.signature,
    fingerprintSha256: row.fingerprint_sha256,
    hosts: texts.parse(JSON.parse(row.hosts)),
    notBefore: row.not_before,
    notAfter: row.not_after,
    createdAt: row.created_at,
  }
}
