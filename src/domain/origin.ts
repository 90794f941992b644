import { HostnameError, normaliseServerName, parseHostname, type Hostname } from './hostname.ts'

/**
 * Where requests of a hostname go.
 *
 * Written as `host`, `host:port` or `https://host[:port]` (TLS, certificate verified) or
 * `http://host[:port]`. The host is a DNS name; IP literals are allowed only where the operator, not
 * a tenant, sets the origin.
 */
export interface Origin {
  scheme: 'https' | 'http'
  /** DNS name or IP literal (IPv6 without brackets). */
  host: Hostname | string
  port: number
}

export type OriginProblem = HostnameError['problem'] | 'port' | 'form' | 'ip-address'

export class OriginError extends Error {
  override readonly name = 'OriginError'
  readonly problem: OriginProblem

  constructor(problem: OriginProblem, message: string) {
    super(message)
    this.problem = problem
  }
}

export interface ParseOriginOptions {
  /** Permits `localhost`, `.test` and single labels. @default false */
  allowReservedTlds?: boolean
  /** Permits IP literals. @default false */
  allowIpAddress?: boolean
}

/**
 * What the operator of Custos may name as an origin, unlike a tenant: addresses, internal names.
 */
export const OPERATOR_ORIGINS: ParseOriginOptions = {
  allowReservedTlds: true,
  allowIpAddress: true,
}

const FORM = /^(?:(https?):\/\/)?(\[[0-9a-f:.]+\]|[^/:@?#[\]\s]+)(?::(\d{1,9}))?\/?$/i

/** @throws {OriginError} with the rule that the value breaks */
export function parseOrigin(value: string, options: ParseOriginOptions = {}): Origin {
  const match = FORM.exec(value)
  if (!match?.[2]) {
    throw new OriginError(
      'form',
      `must be host, host:port, https://host[:port] or http://host[:port]: ${JSON.stringify(value.slice(0, 80))}`,
    )
  }
  const scheme = match[1]?.toLowerCase() === 'http' ? 'http' : 'https'
  const port = match[3] === undefined ? (scheme === 'http' ? 80 : 443) : Number(match[3])
  if (port < 1 || port > 65_535) {
    throw new OriginError('port', `port must be from 1 to 65535: received ${match[3]}`)
  }
  return { scheme, host: parseHost(match[2], options), port }
}

/** The canonical text of an origin: the default port of the scheme is left out, `https` too. */
export function renderOrigin(origin: Origin): string {
  const host = origin.host.includes(':') ? `[${origin.host}]` : origin.host
  const isDefault = origin.port === (origin.scheme === 'http' ? 80 : 443)
  const port = isDefault ? '' : `:${origin.port}`
  return `${origin.scheme === 'http' ? 'http://' : ''}${host}${port}`
}

function parseHost(host: string, options: ParseOriginOptions): string {
  if (host.startsWith('[') || /^\d+(\.\d+){3}$/.test(host)) {
    if (options.allowIpAddress && isIpAddress(host))
      return host.replace(/^\[|\]$/g, '').toLowerCase()
    throw new OriginError(
      'ip-address',
      `must be a host name, not an IP address: ${JSON.stringify(host)}`,
    )
  }
  const single = host.includes('.') ? undefined : normaliseServerName(host)
  if (options.allowReservedTlds && single !== undefined) return single
  try {
    return parseHostname(host, options)
  } catch (cause) {
    if (cause instanceof HostnameError) throw new OriginError(cause.problem, cause.message)
    throw cause
  }
}

const OCTET = /^(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)$/

function isIpAddress(host: string): boolean {
  // A leading zero would mean octal to one resolver and decimal to another (RFC 6943 section 3.1.1).
  if (!host.startsWith('[')) return host.split('.').every((part) => OCTET.test(part))
  return URL.canParse(`http://${host}/`)
}
