import type { CustomHostname } from '#domain/custom-hostname.ts'
import type { ChallengeType } from '#domain/order.ts'

import type { Issuer } from '../ca/issuer.ts'
import type { Inspector, PermissionFinding } from './inspector.ts'

export interface PermissionRequest {
  issuer: Issuer
  record: CustomHostname
  /** Challenge types that are to be used (RFC 8657 section 4). */
  methods: readonly ChallengeType[]
  inspector: Inspector
}

/**
 * Whether the customer's DNS lets this CA issue for the name, to our account and by these methods.
 *
 * @throws {IssuerError} where the CA cannot say who it is
 */
export async function findPermission(
  { issuer, record, methods, inspector }: PermissionRequest,
  signal: AbortSignal,
): Promise<PermissionFinding> {
  const caaIdentities = await issuer.listCaaIdentities(signal)
  if (caaIdentities.length === 0) return { isPermitted: true }
  const accountUri = await issuer.findAccountUri(signal)
  const wildcard = record.ssl?.wildcard ?? false
  const { hostname } = record
  return inspector.inspectPermission(
    { hostname, wildcard, caaIdentities, accountUri, methods },
    signal,
  )
}
