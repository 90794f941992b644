import type { Kysely, Selectable } from 'kysely'
import { z } from 'zod'

import { KEY_ALGORITHMS } from '#domain/certificate.ts'
import type { CsrSubject, CustomCsr } from '#domain/custom-csr.ts'

import type { PageOf } from '../page.ts'
import { StoreError, type CsrPage, type CsrStore } from '../store.ts'
import { limitsOf } from './page.ts'
import type { CustomCsrTable, Schema } from './schema.ts'
import type { SqlDatabase } from './sql-database.ts'

/** Raise it with the shape of the document, as for hostnames. */
const DOCUMENT_VERSION = 1

export class SqlCsrStore implements CsrStore {
  readonly #database: SqlDatabase

  constructor(database: SqlDatabase) {
    this.#database = database
  }

  list(zoneId: string | undefined, page: CsrPage): Promise<PageOf<CustomCsr>> {
    const { limit, offset } = limitsOf({ page: page.page, perPage: page.perPage })
    const { order = 'created', direction = 'asc' } = page
    return this.#database.read(async (db) => {
      const all = db
        .selectFrom('custom_csrs')
        .where((eb) => eb('zone_id', zoneId === undefined ? 'is' : '=', zoneId ?? null))
      const rows = await all
        .selectAll()
        .$if(order === 'name', (query) => query.orderBy('name', direction))
        .orderBy('created_at', direction)
        .orderBy('id', direction)
        .limit(limit)
        .offset(offset)
        .execute()
      const { total } = await all
        .select((eb) => eb.fn.countAll<number>().as('total'))
        .executeTakeFirstOrThrow()
      return { items: rows.map(fromCsrRow), total }
    })
  }

  async find(id: string): Promise<CustomCsr | undefined> {
    const row = await this.#database.read((db) =>
      db.selectFrom('custom_csrs').selectAll().where('id', '=', id).executeTakeFirst(),
    )
    return row && fromCsrRow(row)
  }

  async create(csr: CustomCsr): Promise<void> {
    await this.#database.transact(async (db) => {
      await checkZone(db, csr)
      await db.insertInto('custom_csrs').values(toCsrRow(csr)).execute()
    })
  }

  remove(id: string): Promise<boolean> {
    return this.#database.transact(async (db) => {
      const user = await db
        .selectFrom('certificates')
        .select('id')
        .where('csr_id', '=', id)
        .limit(1)
        .executeTakeFirst()
      if (user) {
        const message = `Cannot remove the CSR ${id}: the certificate ${user.id} has its key`
        throw new StoreError('in-use', message)
      }
      const removed = await db
        .deleteFrom('custom_csrs')
        .where('id', '=', id)
        .returning('id')
        .executeTakeFirst()
      return removed !== undefined
    })
  }
}

async function checkZone(db: Kysely<Schema>, { id, zoneId }: CustomCsr): Promise<void> {
  if (zoneId === undefined) return
  const zone = await db.selectFrom('zones').select('id').where('id', '=', zoneId).executeTakeFirst()
  if (!zone) throw new StoreError('no-such-zone', `Cannot create CSR ${id}: no zone ${zoneId}`)
}

function toCsrRow(csr: CustomCsr): Selectable<CustomCsrTable> {
  const { keyAlgorithm, subject, sans, description } = csr
  return {
    id: csr.id,
    zone_id: csr.zoneId ?? null,
    name: csr.name ?? '',
    created_at: csr.createdAt,
    csr: csr.csr,
    sealed_key: csr.sealedKey,
    document: JSON.stringify({ keyAlgorithm, subject, sans, description }),
    document_version: DOCUMENT_VERSION,
  }
}

/** @throws {StoreError} `corrupt` */
function fromCsrRow(row: Selectable<CustomCsrTable>): CustomCsr {
  try {
    if (row.document_version !== DOCUMENT_VERSION) {
      throw new Error(`unknown document version ${row.document_version}`)
    }
    const { description, ...rest } = csrDocument.parse(JSON.parse(row.document))
    return {
      id: row.id,
      zoneId: row.zone_id ?? undefined,
      createdAt: row.created_at,
      name: row.name === '' ? undefined : row.name,
      csr: row.csr,
      sealedKey: row.sealed_key,
      description,
      ...rest,
    }
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new StoreError('corrupt', `Cannot read the CSR ${row.id}: ${reason}`, { cause })
  }
}

const csrSubject = z.strictObject({
  commonName: z.string(),
  country: z.string(),
  state: z.string(),
  locality: z.string(),
  organization: z.string(),
  organizationalUnit: z.string().exactOptional(),
}) satisfies z.ZodType<CsrSubject>

const csrDocument = z.strictObject({
  keyAlgorithm: z.enum(KEY_ALGORITHMS),
  subject: csrSubject,
  sans: z.array(z.string()),
  description: z.string().optional(),
})
