import { isIP } from 'node:net'

import { normaliseServerName, type Hostname } from '#domain/hostname.ts'

/**
 * Where a validation fetch may go. The owner of the hostname picks the addresses and the redirects,
 * so this is a request that a stranger aims from inside our network (SSRF). Rules: names only, never
 * address literals; three ports; addresses as address-rule.ts has it; and what comes back is
 * compared, never shown.
 */
export interface WellKnownTarget {
  scheme: 'http' | 'https'
  host: Hostname
  port: number
  /** Path and query. */
  path: string
}

const SCHEME_PORTS = { 'http:': 80, 'https:': 443 } as const
const MAX_PATH = 2_048

/**
 * Where a redirect leads (RFC 9110 section 10.2.2), or why it is not followed.
 *
 * @param validationPort allowed besides 80 and 443
 */
export function parseRedirect(
  location: string,
  from: WellKnownTarget,
  validationPort: number,
): WellKnownTarget | { refused: 'form' | 'host' | 'port' } {
  const url = URL.parse(location, renderTarget(from))
  if (!url || !isWebScheme(url.protocol)) return { refused: 'form' }
  const path = url.pathname + url.search
  if (url.username !== '' || url.password !== '' || path.length > MAX_PATH) {
    return { refused: 'form' }
  }
  const host = normaliseServerName(url.hostname)
  if (host === undefined || isIP(host) !== 0) return { refused: 'host' }
  const port = url.port === '' ? SCHEME_PORTS[url.protocol] : Number(url.port)
  if (![validationPort, 80, 443].includes(port)) return { refused: 'port' }
  return { scheme: url.protocol === 'https:' ? 'https' : 'http', host, port, path }
}

export function renderTarget({ scheme, host, port, path }: WellKnownTarget): string {
  return `${scheme}://${renderAuthority({ scheme, host, port })}${path}`
}

/** As the Host header has it: the scheme's own port is left out. */
export function renderAuthority({
  scheme,
  host,
  port,
}: Pick<WellKnownTarget, 'scheme' | 'host' | 'port'>): string {
  return port === SCHEME_PORTS[`${scheme}:`] ? host : `${host}:${port}`
}

function isWebScheme(protocol: string): protocol is keyof typeof SCHEME_PORTS {
  return protocol in SCHEME_PORTS
}
