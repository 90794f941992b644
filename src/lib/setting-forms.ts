import { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'

import { FormError, quoteReceived } from './form-error.ts'

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

/** The parts of a comma-separated list, without the blanks around them and without empty ones. */
export function parseList(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
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

/** The certificates of a PEM file, each as its own PEM text. */
export function parsePemCertificates(text: string): string[] {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  if (blocks.length === 0) throw new FormError('must hold certificates in PEM form: has none')
  return blocks.map((block, index) => {
    try {
      return new X509Certificate(block).toString()
    } catch {
      throw new FormError(`certificate ${index + 1} of ${blocks.length} cannot be parsed`)
    }
  })
}
