import { FormError, quoteReceived } from './form-error.ts'

const UNIT_MS = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
} as const satisfies Record<string, number>

export interface DurationLimits {
  /** As `parseDuration` reads it. @default '0s' */
  min?: string
  /** As `parseDuration` reads it. @default '36500d' */
  max?: string
}

/**
 * Milliseconds of a text such as `500ms`, `30s`, `10m`, `12h` or `365d`.
 *
 * @throws {FormError} no number with a unit, or outside the limits
 */
export function parseDuration(text: string, limits: DurationLimits = {}): number {
  const { min = '0s', max = '36500d' } = limits
  const ms = read(text)
  if (ms === undefined) {
    throw new FormError(
      `must be a duration with its unit, such as 500ms, 30s, 10m, 12h or 365d: received ${quoteReceived(text)}`,
    )
  }
  if (ms < (read(min) ?? 0) || ms > (read(max) ?? Infinity)) {
    throw new FormError(`must be from ${min} to ${max}: received ${quoteReceived(text)}`)
  }
  return ms
}

/** The largest unit that divides it: `90000` is `90s`, `86400000` is `1d`. */
export function renderDuration(ms: number): string {
  const units = Object.entries(UNIT_MS).reverse()
  const [name, size] = units.find(([, size]) => ms >= size && ms % size === 0) ?? ['ms', 1]
  return `${ms / size}${name}`
}

function read(text: string): number | undefined {
  const match = /^(\d{1,12})(ms|[smhd])$/.exec(text)
  if (!match) return undefined
  const [, amount, unit] = match
  const size = Object.entries(UNIT_MS).find(([name]) => name === unit)?.[1]
  return size === undefined ? undefined : Number(amount) * size
}
