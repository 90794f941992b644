import type { Random } from '#lib/random.ts'

/** Long enough for anything in use, and nothing that could harm a log, a page or a header. */
const SANE = /^[A-Za-z0-9][A-Za-z0-9._~+/=:@-]{0,127}$/

/** The client's id where it is one, or a new one. */
export function requestIdOf(given: string | undefined, random: Random): string {
  return given !== undefined && SANE.test(given) ? given : random.uuid()
}
