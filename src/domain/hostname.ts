import { parse as parseDomain } from 'tldts'

declare const brand: unique symbol

/**
 * A DNS name in the one form used inside: lower case, ASCII (IDN labels as `xn--`), no trailing dot,
 * at most 253 characters, labels of 1 to 63. Never an IP address, never a wildcard.
 * Made only by `parseHostname` and `normaliseServerName`.
 */
export type Hostname = string & { readonly [brand]: 'Hostname' }

/** Why a string is not a hostname that may be used; each has its own error code in the API. */
export type HostnameProblem =
  | 'invalid'
  | 'wildcard'
  | 'non-ascii'
  | 'reserved-tld'
  | 'public-suffix'
  | 'example-domain'

export class HostnameError extends Error {
  override readonly name = 'HostnameError'
  readonly problem: HostnameProblem

  constructor(problem: HostnameProblem, message: string) {
    super(message)
    this.problem = problem
  }
}

export interface ParseHostnameOptions {
  /**
   * Permits `.test`, `.example`, `.invalid`, `.localhost` and example.com/.net/.org (RFC 6761), and
   * with them names without a public suffix.
   *
   * @default false
   */
  allowReservedTlds?: boolean
}

const MAX_NAME = 253
const LABEL = /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/
const RESERVED_TLDS = new Set(['test', 'example', 'invalid', 'localhost'])
const EXAMPLE_DOMAINS = /(^|\.)example\.(com|net|org)$/

/**
 * The strict door, for names that people hand in.
 *
 * @throws {HostnameError} with the rule that the value breaks
 */
export function parseHostname(value: string, options: ParseHostnameOptions = {}): Hostname {
  // oxlint-disable-next-line no-control-regex -- the rule is exactly "outside ASCII"
  if (/[^\x00-\x7f]/.test(value)) {
    throw new HostnameError(
      'non-ascii',
      `must be ASCII, write IDN labels as punycode: ${quote(value)}`,
    )
  }
  const name = withoutTrailingDot(value.toLowerCase())
  if (name.includes('*'))
    throw new HostnameError('wildcard', `must not be a wildcard: ${quote(value)}`)
  const labels = checkLabels(name, value)
  if (isIpv4(labels))
    throw new HostnameError('invalid', `must not be an IP address: ${quote(value)}`)
  if (!options.allowReservedTlds) checkPublic(name, labels, value)
  else if (labels.length < 2)
    throw new HostnameError('public-suffix', `needs a parent: ${quote(value)}`)
  return name as Hostname
}

/**
 * The tolerant, fast door, for names that clients send (SNI, Host, :authority): the same normal form,
 * but no judgement of suffixes; undefined where the string cannot name anything we serve.
 */
export function normaliseServerName(value: string): Hostname | undefined {
  const name = withoutTrailingDot(value)
  if (name.length === 0 || name.length > MAX_NAME) return undefined
  if (SERVER_NAME.test(name)) return name as Hostname
  // Tested before it is lowered: lowering first would make a k of the Kelvin sign (U+212A).
  return ANY_CASE_SERVER_NAME.test(name) ? (name.toLowerCase() as Hostname) : undefined
}

/** Labels as `LABEL` has them, the last of which is no number (see `isIpv4`). */
const SERVER_NAME =
  /^(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*(?!\d+$|0x[0-9a-f]*$)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/
const ANY_CASE_SERVER_NAME = new RegExp(SERVER_NAME.source, 'i')

/** `b.c` of `a.b.c`: the base whose wildcard (`*.b.c`) would cover the name; undefined for one label. */
export function parentOf(hostname: Hostname): Hostname | undefined {
  const dot = hostname.indexOf('.')
  return dot < 0 ? undefined : (hostname.slice(dot + 1) as Hostname)
}

/** Whether the name is the domain or lies below it; everything lies below the root, the empty name. */
export function isWithin(name: string, domain: string): boolean {
  return domain === '' || name === domain || name.endsWith(`.${domain}`)
}

/** As `parseHostname` writes names, without its judgement: for looking up what someone typed. */
export function foldName(text: string): string {
  return withoutTrailingDot(text.toLowerCase())
}

/** The domain under which CAs count a name: eTLD+1, or the name itself where it has none. */
export function registeredDomainOf(hostname: Hostname): Hostname {
  return (parseDomain(hostname, { allowPrivateDomains: true }).domain ?? hostname) as Hostname
}

function checkLabels(name: string, value: string): string[] {
  if (name.length === 0) throw new HostnameError('invalid', 'must not be empty')
  if (name.length > MAX_NAME) {
    throw new HostnameError(
      'invalid',
      `must have at most ${MAX_NAME} characters: has ${name.length}`,
    )
  }
  const labels = name.split('.')
  const bad = labels.find((label) => !LABEL.test(label))
  if (bad !== undefined) {
    const rule = 'labels have 1 to 63 letters, digits, - or _, and no - at either end'
    throw new HostnameError('invalid', `${rule}: ${quote(bad)} in ${quote(value)}`)
  }
  const malformed = labels.find((label) => label.startsWith('xn--') && !isPunycode(label))
  if (malformed !== undefined) {
    throw new HostnameError('invalid', `not valid punycode: ${quote(malformed)} in ${quote(value)}`)
  }
  return labels
}

function checkPublic(name: string, labels: string[], value: string): void {
  const tld = labels.at(-1) ?? ''
  if (RESERVED_TLDS.has(tld)) {
    throw new HostnameError(
      'reserved-tld',
      `must not be under the reserved .${tld}: ${quote(value)}`,
    )
  }
  if (EXAMPLE_DOMAINS.test(name)) {
    throw new HostnameError(
      'example-domain',
      `must not be under example.com/.net/.org: ${quote(value)}`,
    )
  }
  const { domain, isIcann, isPrivate } = parseDomain(name, { allowPrivateDomains: true })
  if (!domain || !(isIcann || isPrivate)) {
    const reason = isIcann || isPrivate ? 'is a public suffix' : 'has no public suffix'
    throw new HostnameError('public-suffix', `${reason}: ${quote(value)}`)
  }
}

/** Whatever a URL parser would read as IPv4: the last label is a number (WHATWG URL, "ends in a number"). */
function isIpv4(labels: readonly string[]): boolean {
  return /^(\d+|0x[0-9a-f]*)$/.test(labels.at(-1) ?? '')
}

/**
 * Whether an `xn--` label decodes to a valid Unicode label (UTS 46). A URL parser knows; but Node's
 * takes a host that is ASCII throughout as it is, so a label that is not stands beside it.
 */
function isPunycode(label: string): boolean {
  return URL.canParse(`http://${label}.\u00fc/`)
}

function withoutTrailingDot(name: string): string {
  return name.endsWith('.') ? name.slice(0, -1) : name
}

function quote(value: string): string {
  return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value)
}
