import type { SQLOutputValue } from 'node:sqlite'

import { corrupt } from './bytes.ts'

/** A row as `node:sqlite` returns it; the columns are checked as they are taken out. */
export type Row = Record<string, SQLOutputValue> | undefined

export function bytesOf(row: Row, column: string): Uint8Array | undefined {
  const value = row?.[column] ?? undefined
  if (value === undefined || value instanceof Uint8Array) return value
  throw corrupt(`column ${column} holds a ${typeof value}, not bytes`)
}

export function textOf(row: Row, column: string): string | undefined {
  const value = row?.[column] ?? undefined
  if (value === undefined || typeof value === 'string') return value
  throw corrupt(`column ${column} holds a ${typeof value}, not text`)
}

export function numberOf(row: Row, column: string): number | undefined {
  const value = row?.[column] ?? undefined
  if (value === undefined || typeof value === 'number') return value
  throw corrupt(`column ${column} holds a ${typeof value}, not a number`)
}

/** For columns that are never NULL in a row that is there. */
export function required<Value>(value: Value | undefined): Value {
  if (value === undefined) throw corrupt('a column that must have a value is empty')
  return value
}
