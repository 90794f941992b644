import 'reflect-metadata'
import * as x509 from '@peculiar/x509'
import type { X509Certificate } from 'node:crypto'

import { parseNameConstraints, permitsNames } from './name-constraints.ts'

/** What a CA's certificate says of what it may sign. */
export interface AuthorityRules {
  /** CAs that may stand between it and a leaf; undefined: any number. */
  pathLength: number | undefined
  permits(names: readonly string[]): boolean
}

const NAME_CONSTRAINTS = '2.5.29.30'
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1'
const ANY_USAGE = '2.5.29.37.0'

/** @returns undefined where it is not a CA for servers at `now`, or cannot be understood */
export function readAuthority(
  certificate: X509Certificate,
  now: number,
): AuthorityRules | undefined {
  if (!certificate.ca || !isValidAt(certificate, now) || !isForServers(certificate))
    return undefined
  try {
    const parsed = new x509.X509Certificate(certificate.raw)
    const pathLength = parsed.getExtension(x509.BasicConstraintsExtension)?.pathLength
    const value = parsed.getExtension(NAME_CONSTRAINTS)?.value
    const constraints = value && parseNameConstraints(new Uint8Array(value))
    return { pathLength, permits: (names) => !constraints || permitsNames(constraints, names) }
  } catch {
    return undefined
  }
}

export function isValidAt({ validFromDate, validToDate }: X509Certificate, now: number): boolean {
  return validFromDate.getTime() <= now && now < validToDate.getTime()
}

/** Without the extension for anything (RFC 5280 section 4.2.1.12). */
export function isForServers({ keyUsage }: X509Certificate): boolean {
  return keyUsage === undefined || keyUsage.includes(SERVER_AUTH) || keyUsage.includes(ANY_USAGE)
}
