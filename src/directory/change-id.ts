import type { ChangeId } from './directory.ts'

/**
 * Change ids follow the clock, so that they go on growing when the log was lost and begins anew:
 * microseconds since the epoch (of which the last three digits only count), in 16 digits.
 */
const DIGITS = 16

/** The id after `newest` at this instant: a clock that stands still or goes back only counts on. */
export function nextChangeNumber(newest: number, now: number): number {
  return Math.max(newest + 1, now * 1000)
}

export function renderChangeNumber(number: number): ChangeId {
  return String(number).padStart(DIGITS, '0')
}

/** Undefined for an id of another kind of directory. */
export function parseChangeNumber(id: ChangeId): number | undefined {
  return /^\d{16}$/.test(id) ? Number(id) : undefined
}
