import type { RawHeaders } from './exchange.ts'

/** The syntax that requests and responses of HTTP/1.1 share (RFC 9112), without its tolerances. */

/** Controls, a bare CR and a bare LF: what splitting is made of (RFC 9112 section 2.2). */
// oxlint-disable-next-line no-control-regex -- controls are what is looked for
export const FORBIDDEN = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)|(?<!\r)\n/
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

/**
 * Appends the field lines from `from` to the end.
 *
 * @returns false where a line is no field. One that begins with white space (obs-fold, RFC 9112
 *   section 5.2) is none, nor one with white space before its colon (section 5.1)
 */
export function readFieldLines(text: string, from: number, fields: RawHeaders): boolean {
  for (let at = from; at < text.length;) {
    const end = endOfLine(text, at)
    const colon = text.indexOf(':', at)
    const name = colon < 0 || colon >= end ? '' : text.slice(at, colon)
    if (!TOKEN.test(name)) return false
    fields.push(name, trimmed(text, colon + 1, end))
    at = end + 2
  }
  return true
}

export function endOfLine(text: string, from: number): number {
  const end = text.indexOf('\r\n', from)
  return end < 0 ? text.length : end
}

/** Without optional white space at both ends. */
function trimmed(text: string, from: number, to: number): string {
  let start = from
  let end = to
  while (start < end && isBlank(text.charCodeAt(start))) start++
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09
}
