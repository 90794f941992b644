import { normaliseServerName, type Hostname } from '#domain/hostname.ts'

/**
 * What Host or :authority asks for. `hostname` is undefined where the text is a valid authority that
 * cannot be one of ours (an IP address, a single strange label).
 */
export interface Authority {
  hostname: Hostname | undefined
  port: number | undefined
}

/** host (RFC 3986 section 3.2.2: reg-name or IP literal) and port; never user information. */
const AUTHORITY = /^([A-Za-z0-9._~!$&'()*+,;=%-]+|\[[0-9A-Fa-f:.]+\])(?::(\d{1,5}))?$/
const MAX_AUTHORITY = 270

/** @returns undefined where the text is not an authority at all (RFC 9112 section 3.2: answer 400) */
export function parseAuthority(text: string): Authority | undefined {
  if (text.length > MAX_AUTHORITY) return undefined
  const plain = normaliseServerName(text)
  if (plain !== undefined) return { hostname: plain, port: undefined }
  const match = AUTHORITY.exec(text)
  if (!match?.[1]) return undefined
  const port = match[2] === undefined ? undefined : Number(match[2])
  if (port !== undefined && port > 65_535) return undefined
  return { hostname: normaliseServerName(match[1]), port }
}

/** Remembers the last authority: on one connection it is nearly always the same. */
export class AuthorityReader {
  #text: string | undefined
  #authority: Authority | undefined

  /** As `parseAuthority`. */
  read(text: string): Authority | undefined {
    if (text !== this.#text) {
      this.#authority = parseAuthority(text)
      this.#text = text
    }
    return this.#authority
  }
}
