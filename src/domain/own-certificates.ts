import { expiryWarningAt } from './certificate.ts'
import type { CustomHostname } from './custom-hostname.ts'
import type { ManagedChain } from './managed-chain.ts'
import { advanceOwnership } from './ownership.ts'

/**
 * Hostnames with certificates of their customers' own: nothing of them is ever due at a CA, so they are
 * looked at once a day, whether they still lead here and whether a certificate is about to end. Nothing
 * is taken from them while a certificate is good (spec sections 2.1 and 2.5).
 */

const DAY_MS = 86_400_000

export interface OwnLook {
  /** Why it does not lead here; empty where it does. */
  problems: readonly string[]
  now: number
  /** Uniform in [0, 1): those that came together are not looked at together for ever. */
  fraction: number
}

/** The record after a look: with what was found, when to look again, and who is warned. */
export function afterOwnLook(record: CustomHostname, look: OwnLook): CustomHostname {
  const { problems, now, fraction } = look
  const chains = record.chains.map((chain) => warned(chain, now))
  const tomorrow = Math.round(now + DAY_MS * (0.75 + fraction / 2))
  const warnings = chains.map(warningAt).filter((at) => at > now)
  const nextAt = Math.min(tomorrow, ...warnings)
  const event = { type: 'looked', problems, nextAt } as const
  return { ...record, chains, ownership: advanceOwnership(record.ownership, event, now) }
}

/** Whether it leads elsewhere and nothing that it had is valid any more. */
export function hasOwnRunOut({ chains }: CustomHostname, { problems, now }: OwnLook): boolean {
  return (
    problems.length > 0 && chains.every(({ certificate }) => (certificate?.notAfter ?? 0) <= now)
  )
}

function warned(chain: ManagedChain, now: number): ManagedChain {
  const { issuance } = chain
  const isNews =
    issuance.state === 'uploaded' && issuance.warnedAt === undefined && warningAt(chain) <= now
  return isNews ? { ...chain, issuance: { ...issuance, warnedAt: now } } : chain
}

function warningAt({ issuance, certificate }: ManagedChain): number {
  if (issuance.state !== 'uploaded' || !certificate) return Infinity
  return Math.floor(expiryWarningAt(certificate, { isUploaded: true }))
}
