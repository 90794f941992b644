import type { Kysely } from 'kysely'

import type { Certificate } from '#domain/certificate.ts'
import type { CustomHostname } from '#domain/custom-hostname.ts'

import { StoreError, type HostnameUpdate } from '../store.ts'
import { addCertificates, removeCertificates } from './certificate-store.ts'
import { toRow, type CustomHostnameRow } from './custom-hostname-row.ts'
import { writeChanges } from './hostname-rows.ts'
import { enqueue } from './outbox.ts'
import type { Schema } from './schema.ts'

/** @throws {StoreError} `duplicate`, `no-such-zone`, `no-such-csr` */
export async function insertRecord(
  db: Kysely<Schema>,
  record: CustomHostname,
  { certificates }: { certificates: readonly Certificate[] },
): Promise<void> {
  const { id, deployment } = record
  checkOwner(id, certificates)
  await withDuplicateNamed(record, async () => {
    await countIn(db, record)
    const row = { ...toRow(record), lease_until: 0 }
    await db.insertInto('custom_hostnames').values(row).execute()
    await addCertificates(db, certificates)
    await enqueue(db, { hostnameId: id, serial: deployment.serial })
  })
}

/** Counts the new record in its zone, which also tells whether there is such a zone. */
async function countIn(db: Kysely<Schema>, { hostname, zoneId }: CustomHostname): Promise<void> {
  const { numUpdatedRows } = await db
    .updateTable('zones')
    .set((eb) => ({ hostname_count: eb('hostname_count', '+', 1) }))
    .where('id', '=', zoneId)
    .executeTakeFirstOrThrow()
  if (numUpdatedRows > 0n) return
  throw new StoreError('no-such-zone', `Cannot create ${hostname}: there is no zone ${zoneId}`)
}

/** A row as it was read in this transaction, the record in it, and what is to become of it. */
export interface RowUpdate {
  row: CustomHostnameRow
  before: CustomHostname
  update: HostnameUpdate
}

/** @throws {StoreError} `duplicate`, `no-such-csr` */
export async function writeUpdate(
  db: Kysely<Schema>,
  { row, before, update }: RowUpdate,
): Promise<void> {
  const { record, addCertificates: added = [], removeCertificates: removed = [] } = update
  const { id, zoneId } = before
  if (record.id !== id || record.zoneId !== zoneId) {
    throw new TypeError(`Cannot change the id or the zone of the custom hostname ${id}`)
  }
  checkOwner(id, added)
  await withDuplicateNamed(record, () => writeChanges(db, row, record))
  await addCertificates(db, added)
  await removeCertificates(db, { hostnameId: id, ids: removed })
  const { serial } = record.deployment
  if (serial > before.deployment.serial) await enqueue(db, { hostnameId: id, serial })
}

/** @returns false where there is none */
export async function deleteRecord(db: Kysely<Schema>, id: string): Promise<boolean> {
  const deleted = await db
    .deleteFrom('custom_hostnames')
    .where('id', '=', id)
    .returning('zone_id')
    .executeTakeFirst()
  if (!deleted) return false
  await db
    .updateTable('zones')
    .set((eb) => ({ hostname_count: eb('hostname_count', '-', 1) }))
    .where('id', '=', deleted.zone_id)
    .execute()
  return true
}

function checkOwner(id: string, certificates: readonly Certificate[]): void {
  if (certificates.every((certificate) => certificate.hostnameId === id)) return
  throw new TypeError(`Cannot add another hostname's certificate to ${id}`)
}

async function withDuplicateNamed(
  { id, hostname, zoneId }: CustomHostname,
  write: () => Promise<unknown>,
): Promise<void> {
  try {
    await write()
  } catch (cause) {
    if (!(cause instanceof StoreError) || cause.kind !== 'duplicate') throw cause
    const message = `Cannot write the custom hostname ${id}: zone ${zoneId} has ${hostname} already, or the id is taken`
    throw new StoreError('duplicate', message, { cause })
  }
}
