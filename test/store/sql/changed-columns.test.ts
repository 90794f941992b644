import { describe, expect, it } from 'vitest'

import { changesOf, toRow } from '#store/sql/custom-hostname-row.ts'
import { aHostname } from '#test/records.ts'

const published = { serial: 3, changeId: 'c' }
const record = aHostname({ deployment: { serial: 3, published, appliedSerial: 2 } })
const stored = toRow(record)

describe('what is written of a changed record', () => {
  it('are the columns that change, and nothing where none does', () => {
    const deployment = { ...record.deployment, appliedSerial: 3 }
    const changed = changesOf(stored, { ...record, deployment })
    expect(changed).toEqual({ applied_serial: 3, deployment_order: null })
    expect(changesOf(stored, structuredClone(record))).toBeUndefined()
  })

  it('are those too that the row has otherwise than the record says', () => {
    const stale = { ...stored, due_at: 1, document_version: 1, reversed_name: '' }
    const { due_at, document_version, reversed_name } = stored
    expect(changesOf(stale, record)).toEqual({ due_at, document_version, reversed_name })
  })
})
