import type { Page } from '../page.ts'

/** More items than this in one page are a mistake of the program, not a wish of a caller. */
const MAX_PER_PAGE = 10_000

/** @throws {RangeError} a page or a size that is not a positive integer, or a size too large */
export function limitsOf({ page, perPage }: Page): { limit: number; offset: number } {
  checkCount('page', page, Number.MAX_SAFE_INTEGER / MAX_PER_PAGE)
  checkCount('perPage', perPage, MAX_PER_PAGE)
  return { limit: perPage, offset: (page - 1) * perPage }
}

/** @throws {RangeError} */
export function checkCount(name: string, value: number, maximum: number): void {
  if (Number.isInteger(value) && value >= 1 && value <= maximum) return
  throw new RangeError(
    `'${name}' must be an integer from 1 to ${Math.floor(maximum)}: received ${value}`,
  )
}
