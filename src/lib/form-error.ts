/**
 * A text that is not in the form asked for. The message is one sentence: the rule, then the value
 * received (secrets are left out).
 */
export class FormError extends Error {
  override readonly name = 'FormError'
}

/** A received value as messages show it: quoted, cut to 80 characters. */
export function quoteReceived(value: string): string {
  return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value)
}
