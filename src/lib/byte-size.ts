import { FormError, quoteReceived } from './form-error.ts'

const UNITS = ['', 'KiB', 'MiB', 'GiB', 'TiB'] as const

export interface ByteSizeLimits {
  /** As `parseByteSize` reads it. @default '0' */
  min?: string
  /** As `parseByteSize` reads it. @default '1024TiB' */
  max?: string
}

/**
 * Bytes of a text such as `1048576`, `64KiB`, `256MiB` or `1GiB` (powers of 1024).
 *
 * @throws {FormError} another form, or outside the limits
 */
export function parseByteSize(text: string, limits: ByteSizeLimits = {}): number {
  const { min = '0', max = '1024TiB' } = limits
  const bytes = read(text)
  if (bytes === undefined) {
    throw new FormError(
      `must be a number of bytes, or such as 64KiB, 256MiB or 1GiB: received ${quoteReceived(text)}`,
    )
  }
  if (bytes < (read(min) ?? 0) || bytes > (read(max) ?? Infinity)) {
    throw new FormError(`must be from ${min} to ${max}: received ${quoteReceived(text)}`)
  }
  return bytes
}

function read(text: string): number | undefined {
  const match = /^(\d{1,16})\s?((?:[KMGT]iB)?)$/i.exec(text)
  if (!match) return undefined
  const unit = match[2]?.toLowerCase() ?? ''
  const power = UNITS.findIndex((name) => name.toLowerCase() === unit)
  const bytes = Number(match[1]) * 1024 ** power
  return Number.isSafeInteger(bytes) ? bytes : undefined
}
