import { InvalidArgumentError } from 'commander'

/** The value of `--limit <number>`. @throws {InvalidArgumentError} */
export function parseLimit(text: string): number {
  const limit = Number(text)
  if (Number.isInteger(limit) && limit >= 1 && limit <= 10_000_000) return limit
  throw new InvalidArgumentError('Must be a whole number from 1 to 10000000.')
}
