import { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'

import ipaddr from 'ipaddr.js'

import { FormError, quoteReceived } from './form-error.ts'
import { findPemBlocks } from './pem.ts'
import { SECRET_KEY_BYTES } from './sealing.ts'
import { ROOT_SERVERS } from './root-servers.ts'

/** The forms that settings have; each throws `FormError` with the rule and the value received. */

export function parseSwitch(text: string): boolean {
  if (/^(true|on|yes|1)$/i.test(text)) return true
  if (/^(false|off|no|0)$/i.test(text)) return false
  throw new FormError(`must be true or false: received ${quoteReceived(text)}`)
}

export function parseInteger(text: string, range: { min: number; max: number }): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
  if (!(value >= range.min && value <= range.max)) {
    throw new FormError(
      `must be a whole number from ${range.min} to ${range.max}: received ${quoteReceived(text)}`,
    )
  }
  return value
}

export function parseOneOf<Word extends string>(text: string, words: readonly Word[]): Word {
  const word = words.find((candidate) => candidate === text.toLowerCase())
  if (word !== undefined) return word
  throw new FormError(`must be one of ${words.join(', ')}: received ${quoteReceived(text)}`)
}

/** The parts of a comma-separated list (at least one) without the blanks around them. */
export function parseList(text: string): string[] {
  const parts = text.split(',').map((part) => part.trim())
  if (!parts.includes('')) return parts
  throw new FormError('must be values with one comma between two: received an empty one')
}

/** `ip:port`, or `ip` for port 53; the port always stands in what is returned. */
export function parseNameServer(text: string): string {
  const bracketed = /^\[(.+)\](?::(\d{1,5}))?$/.exec(text)
  const plain = /^([\d.]+)(?::(\d{1,5}))?$/.exec(text)
  const [, ip = text, digits = '53'] = bracketed ?? plain ?? []
  const port = Number(digits)
  if (isIP(ip) === 0 || port < 1 || port > 65_535) {
    throw new FormError(
      `must be ip:port, such as 192.0.2.53:53 or [2001:db8::53]:53: received ${quoteReceived(text)}`,
    )
  }
  return isIP(ip) === 6 ? `[${ip}]:${port}` : `${ip}:${port}`
}

/** A network in CIDR form; an address alone is a network of its own. The length always stands in it. */
export function parsePrefix(text: string): string {
  const [address = '', length = isIP(address) === 6 ? '128' : '32', ...more] = text.split('/')
  const width = isIP(address) === 6 ? 128 : 32
  const isPrefix = isIP(address) !== 0 && more.length === 0 && /^\d{1,3}$/.test(length)
  if (!isPrefix || Number(length) < 1 || Number(length) > width) {
    const examples = '192.0.2.0/24 or 2001:db8::/48'
    throw new FormError(`must be networks such as ${examples}: received ${quoteReceived(text)}`)
  }
  const prefix = `${address}/${length}`
  const kind = width === 128 ? ipaddr.IPv6 : ipaddr.IPv4
  const network = kind.networkAddressFromCIDR(prefix).toString()
  if (network === ipaddr.parse(address).toString()) return `${network}/${length}`
  throw new FormError(
    `must begin its network: received ${prefix}, which lies in ${network}/${length}`,
  )
}

/** Name servers, or `iana` for the root servers of the Internet. */
export function parseRootServers(text: string): readonly string[] {
  return text.toLowerCase() === 'iana' ? ROOT_SERVERS : parseList(text).map(parseNameServer)
}

/**
 * Bytes of a secret written in base64 (either alphabet, padding optional). The value is never in
 * the message.
 */
export function parseSecretBytes(text: string, length: number): Uint8Array {
  const isBase64 = /^[A-Za-z0-9+/_-]+={0,2}$/.test(text)
  const bytes = Buffer.from(text, 'base64')
  if (!isBase64 || bytes.length !== length) {
    const received = isBase64 ? `received ${bytes.length} bytes` : 'received something else'
    throw new FormError(`must be ${length} random bytes in base64: ${received} (value not shown)`)
  }
  return new Uint8Array(bytes)
}

/** Keys that seal secrets, as a comma-separated list: the first seals, all open. */
export function parseSecretKeys(text: string): Uint8Array[] {
  return parseList(text).map((key) => parseSecretBytes(key, SECRET_KEY_BYTES))
}

/** The certificates of a PEM file, each as its own PEM text. */
export function parsePemCertificates(text: string): string[] {
  const blocks = findPemBlocks(text).filter(({ label }) => label === 'CERTIFICATE')
  if (blocks.length === 0) throw new FormError('must hold certificates in PEM form: has none')
  return blocks.map((block, index) => {
    try {
      return new X509Certificate(block.text).toString()
    } catch {
      throw new FormError(`certificate ${index + 1} of ${blocks.length} cannot be parsed`)
    }
  })
}

/** URL schemes: what works, and what is known but not built yet. */
export interface Choice<Word extends string> {
  now: readonly Word[]
  /** Refused with a sentence of their own: to ignore them would mislead. */
  later: readonly string[]
}

/** A URL of one of these schemes, with a host. It may hold a password, so it is never shown. */
export function parseServiceUrl(text: string, schemes: Choice<string>): string {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\/[^/]/i.exec(text)?.[1]?.toLowerCase()
  if (scheme !== undefined && schemes.later.includes(scheme)) {
    throw new FormError(`${scheme}:// is not available in this version: leave it unset`)
  }
  if (scheme === undefined || !schemes.now.includes(scheme) || !URL.canParse(text)) {
    const forms = schemes.now.map((name) => `${name}://host:port`).join(' or ')
    const rule = forms ? `must be a URL such as ${forms}` : 'must be unset in this version'
    throw new FormError(`${rule} (value not shown)`)
  }
  return text
}

/** A token that fits in an Authorization header (RFC 6750 section 2.1). Never shown. */
export function parseBearerToken(text: string): string {
  if (text.length <= 1024 && /^[A-Za-z0-9._~+/-]+=*$/.test(text)) return text
  throw new FormError(
    'must be at most 1024 letters, digits or . _ ~ + / - with = at the end only (value not shown)',
  )
}

/** The text of a file that a setting names. */
export function readNamedFile(path: string, readFile: (path: string) => string): string {
  try {
    return readFile(path)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new FormError(`cannot be read: ${reason}`)
  }
}

/** A name that looks like a domain name but need not be one; lower case. */
export function parseDottedName(text: string): string {
  const name = text.toLowerCase()
  if (/^[a-z0-9_]([a-z0-9._-]{0,251}[a-z0-9])?$/.test(name)) return name
  throw new FormError(
    `must have 1 to 253 letters, digits, . - or _, and no . or - at either end: received ${quoteReceived(text)}`,
  )
}

/** A name that the operator makes up, for people and files. */
export function parseLabel(text: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(text)) return text
  throw new FormError(
    `must have 1 to 64 letters, digits, . - or _, the first a letter or digit: received ${quoteReceived(text)}`,
  )
}

/** One line that somebody else made up: kept as it is. */
export function parseLine(text: string): string {
  if (/^[^\p{Cc}]{1,200}$/u.test(text)) return text
  throw new FormError(`must be one line of at most 200 characters: received ${quoteReceived(text)}`)
}

/** An https URL, or an http one of this machine. It may hold a token, so it is never shown. */
export function parseSafeUrl(text: string): string {
  const url = URL.parse(text)
  const isLoopback = /^(localhost|127(\.\d+){3}|\[::1\])$/.test(url?.hostname ?? '')
  const isSafe = url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback)
  if (url && isSafe && !url.username && !url.password && text.length <= 2_048) return url.href
  throw new FormError('must be a URL such as https://ca.example/directory (value not shown)')
}

/** One address, in the form that fits in a mailto URL without escapes (RFC 6068). */
export function parseEmail(text: string): string {
  if (text.length <= 254 && /^[A-Za-z0-9._+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$/.test(text))
    return text
  throw new FormError(`must be one e-mail address: received ${quoteReceived(text)}`)
}

/** An identifier that another party gave: kept as it is. */
export function parseKeyId(text: string): string {
  if (/^[\x21-\x7e]{1,1024}$/.test(text)) return text
  throw new FormError('must be 1 to 1024 visible ASCII characters (value not shown)')
}

/** A key of 16 bytes or more in base64 (either alphabet, padding optional). Never shown. */
export function parseHmacKey(text: string): Uint8Array {
  const bytes = Buffer.from(text, 'base64')
  const isBase64 = /^[A-Za-z0-9+/_-]{1,1024}={0,2}$/.test(text)
  if (isBase64 && bytes.length >= 16) return new Uint8Array(bytes)
  throw new FormError('must be a key of 16 bytes or more in base64 (value not shown)')
}
