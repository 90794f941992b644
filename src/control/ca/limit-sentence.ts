import type { CaLimit, CaLimits } from '#domain/ca-limits.ts'
import { renderTime } from '#domain/render-time.ts'

/** Why an order or a validation waits, for the API: "Let's Encrypt's limit of 300 new orders …". */
export function limitSentence(
  { title, published }: CaLimits,
  { limit, key, until }: { limit: CaLimit | 'retry_after'; key: string; until: number },
): string {
  const next = limit === 'failed_validations' ? 'validation' : 'order'
  const possible = `the next ${next} is possible at ${renderTime(until, { to: 'second' })}.`
  const rule = limit === 'retry_after' ? undefined : published[limit]
  if (limit === 'retry_after' || !rule) return `${title} asks us to wait; ${possible}`
  const { count, windowMs } = rule
  return `${possessive(title)} limit of ${count} ${nounOf(limit, key)} in ${span(windowMs)} is used up; ${possible}`
}

function nounOf(limit: CaLimit, key: string): string {
  return NOUNS[limit](key)
}

const NOUNS = {
  orders_per_account: () => 'new orders',
  certificates_per_domain: (domain) => `certificates under ${domain}`,
  duplicate_certificates: () => 'certificates for the same names',
  failed_validations: (name) => `failed validations of ${name}`,
} as const satisfies Record<CaLimit, (key: string) => string>

function possessive(title: string): string {
  return title.endsWith('s') ? `${title}'` : `${title}'s`
}

const UNITS = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1_000],
] as const

/** In the largest unit that divides it: `3 hours`. */
function span(ms: number): string {
  const [name, size] = UNITS.find(([, size]) => ms % size === 0) ?? ['ms', 1]
  const count = ms / size
  return `${count} ${name}${count === 1 ? '' : 's'}`
}
