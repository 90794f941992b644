import { describe, expect, it } from 'vitest'

import { createRecordReader, toRow } from '#store/sql/custom-hostname-row.ts'
import { aHostname } from '#test/records.ts'

const row = toRow(aHostname())

describe('reading records', () => {
  it('parses a text once, and gives what nobody can change', () => {
    const read = createRecordReader()
    const first = read({ ...row })
    const second = read({ ...row, serial: row.serial + 1, applied_serial: row.serial })
    expect(second.chains).toBe(first.chains)
    expect(second.deployment).toMatchObject({ serial: row.serial + 1, appliedSerial: row.serial })
    expect(() => Object.assign(first.ownership, { state: 'verified' })).toThrow(TypeError)
  })

  it('sees every change, whoever made it', () => {
    const read = createRecordReader()
    const before = read(row)
    const other = JSON.parse(row.document)
    const document = JSON.stringify({ ...other, customOriginServer: 'other.origin.test' })
    expect(read({ ...row, document })).toEqual({
      ...before,
      customOriginServer: 'other.origin.test',
    })
    expect(read({ ...row, hostname: 'other.customer.test' }).hostname).toBe('other.customer.test')
    expect(read(row)).toEqual(before)
    expect(() => read({ ...row, document_version: 99 })).toThrow('unknown document version 99')
    expect(() => read({ ...row, document: '{' })).toThrow(row.id)
  })

  it('keeps only so many', () => {
    const read = createRecordReader({ maxKept: 1 })
    const before = read(row)
    read(toRow(aHostname()))
    expect(read(row).chains).not.toBe(before.chains)
  })
})
