import { parseDuration } from './duration.ts'
import { FormError, quoteReceived } from './form-error.ts'

/** So many in any such span of time. */
export interface Rate {
  count: number
  windowMs: number
}

/**
 * A text such as `300/3h` or `50/7d`, or `unlimited`.
 *
 * @throws {FormError} neither, a count that is not from 1 to 1000000000, a span that is not from 1 s
 *   to 3660 d
 */
export function parseRate(text: string): Rate | 'unlimited' {
  if (text === 'unlimited') return text
  const match = /^([1-9]\d{0,8}|10{9})\/(\S+)$/.exec(text)
  if (!match?.[1] || !match[2]) {
    const form = 'a count and a duration, such as 300/3h, or unlimited'
    throw new FormError(`must be ${form}: received ${quoteReceived(text)}`)
  }
  return { count: Number(match[1]), windowMs: parseDuration(match[2], { min: '1s', max: '3660d' }) }
}
