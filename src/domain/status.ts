import { DEPLOYMENT_DEADLINE_MS } from './advance-issuance.ts'
import { expiryWarningAt } from './certificate.ts'
import type { CustomHostname, Removal } from './custom-hostname.ts'
import type { Issuance } from './issuance.ts'
import type { ManagedChain } from './managed-chain.ts'

/** The hostname's outward status (spec section 2.1); only those that Custos ever says. */
export type HostnameStatus =
  | 'pending'
  | 'active'
  | 'active_redeploying'
  | 'moved'
  | 'pending_deletion'
  | 'deleted'
  | 'blocked'

/** The certificate's outward status (spec section 2.2); only those that Custos ever says. */
export type SslStatus =
  | 'initializing'
  | 'pending_validation'
  | 'pending_issuance'
  | 'pending_deployment'
  | 'active'
  | 'pending_expiration'
  | 'expired'
  | 'pending_deletion'
  | 'deleted'
  | 'initializing_timed_out'
  | 'validation_timed_out'
  | 'issuance_timed_out'
  | 'deployment_timed_out'
  | 'deletion_timed_out'

/** Active means: proved, and every live edge serves it as it is configured now. */
export function hostnameStatus(record: CustomHostname): HostnameStatus {
  if (record.removal) return 'pending_deletion'
  const { ownership, deployment } = record
  if (ownership.state !== 'verified') return ownership.state
  if (deployment.appliedSerial < ownership.serial) return 'pending'
  return deployment.appliedSerial < deployment.serial ? 'active_redeploying' : 'active'
}

/** Undefined for a hostname without a certificate. */
export function sslStatus(record: CustomHostname, now: number): SslStatus | undefined {
  if (!record.ssl) return undefined
  if (record.removal) {
    return removalOverdueAt(record.removal) <= now ? 'deletion_timed_out' : 'pending_deletion'
  }
  if (record.ownership.state === 'deleted') return 'deleted'
  const statuses = record.chains.map((chain) => chainStatus(chain, record, now))
  return SLOWEST_FIRST.find((status) => statuses.includes(status)) ?? 'initializing'
}

/** From when on a removal that no edge holds up would be over. */
export function removalOverdueAt({ requestedAt }: Removal): number {
  return requestedAt + DEPLOYMENT_DEADLINE_MS
}

/** The pack is as far as its slower chain. */
const SLOWEST_FIRST = [
  'expired',
  'pending_expiration',
  'initializing_timed_out',
  'validation_timed_out',
  'issuance_timed_out',
  'deployment_timed_out',
  'initializing',
  'pending_validation',
  'pending_issuance',
  'pending_deployment',
  'active',
] as const satisfies readonly SslStatus[]

const STATUS_OF = {
  scheduled: 'initializing',
  ordered: 'pending_validation',
  validating: 'pending_validation',
  finalizing: 'pending_issuance',
  deploying: 'pending_deployment',
  issued: 'active',
  uploaded: 'active',
} as const satisfies Record<Exclude<Issuance['state'], 'timed_out'>, SslStatus>

function chainStatus(chain: ManagedChain, record: CustomHostname, now: number): SslStatus {
  const { issuance, certificate } = chain
  if (certificate && certificate.notAfter <= now) return 'expired'
  if (certificate && isRenewing(issuance)) {
    const warningAt = expiryWarningAt(certificate, { isUploaded: issuance.state === 'uploaded' })
    if (warningAt <= now) return 'pending_expiration'
    if (!chain.isOutdated) return 'active'
  }
  if (issuance.state === 'timed_out') return `${issuance.phase}_timed_out`
  if (issuance.state === 'deploying' && issuance.nextAt <= now) return 'deployment_timed_out'
  if (issuance.state === 'scheduled' && issuance.failures === 0) {
    return statusOfWaiting(chain, record)
  }
  if (isProvedBySibling(chain, record)) return 'pending_issuance'
  return STATUS_OF[issuance.state]
}

/** Its order takes the sibling's proof for its own, unless a look has said otherwise: nobody goes back. */
function isProvedBySibling(chain: ManagedChain, record: CustomHostname): boolean {
  const { issuance } = chain
  if (chain.isOutdated) return false
  if (issuance.state !== 'ordered' && issuance.state !== 'validating') return false
  if (issuance.order.provedAlone || issuance.problem !== undefined) return false
  return statusOfWaiting(chain, record) === 'pending_issuance'
}

/**
 * While the next certificate is on its way the present one is served: at a renewal nothing is missing; one
 * that is not what is wanted says nothing of how far the wanted one is.
 */
function isRenewing(issuance: Issuance): boolean {
  return issuance.state !== 'deploying'
}

/** A chain that waits for its sibling's validation is as far as the sibling, until that is through. */
function statusOfWaiting(chain: ManagedChain, record: CustomHostname): SslStatus {
  const sibling = record.chains.find((other) => other !== chain)
  switch (sibling?.issuance.state) {
    case 'ordered':
    case 'validating':
      return 'pending_validation'
    case 'finalizing':
    case 'deploying':
    case 'issued':
    case 'uploaded':
      return 'pending_issuance'
    default:
      return 'initializing'
  }
}
