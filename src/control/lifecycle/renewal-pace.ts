import { expiryWarningAt, renewalDueAt } from '#domain/certificate.ts'
import type { RenewalInfo } from '#domain/issuance.ts'
import type { CertificateRef } from '#domain/managed-chain.ts'
import type { Clock } from '#lib/clock.ts'
import type { BudgetStore } from '#store/budget.ts'
import type { HostnameStore } from '#store/store.ts'

/**
 * Lets renewals go one after the other, a little quicker than they come due over a whole cycle. What
 * was issued in one week would else be renewed in one week for ever, as CAs' windows are narrow; and
 * where lifetimes become shorter, two weeks' renewals would come due in one.
 */
export interface RenewalPace {
  /**
   * Gets in line.
   *
   * @returns when it is this renewal's turn: now, or later, yet never so late that its certificate
   *   becomes something to worry about
   */
  takeTurn(renewal: PacedRenewal): Promise<number>
}

export interface PacedRenewal {
  /** The certificate that is to be replaced. */
  certificate: CertificateRef
  renewalInfo: RenewalInfo | undefined
}

export interface RenewalPaceOptions {
  store: {
    readonly budget: Pick<BudgetStore, 'reserve'>
    readonly hostnames: Pick<HostnameStore, 'countAll'>
  }
  clock: Clock
}

/** So much quicker than the mean do renewals go where many wait. */
const QUICKER = 1.25
/** Those who find nobody waiting need not wait: a handful of hostnames is renewed at once. */
const AT_ONCE = 10
/** However few hostnames there are. */
const SLOWEST_MS = 30 * 60_000
/** No certificate waits for longer: half of the time for renewal is 15 days at most. */
const PROMISED_MS = 15 * 86_400_000
/** How old the number of hostnames may be. */
const COUNT_MS = 10 * 60_000
const CHAINS_A_HOSTNAME = 2

export function createRenewalPace({ store, clock }: RenewalPaceOptions): RenewalPace {
  const countHostnames = remember(() => store.hostnames.countAll(), { clock, forMs: COUNT_MS })
  return {
    async takeTurn({ certificate, renewalInfo }) {
      const now = clock.now()
      const chains = CHAINS_A_HOSTNAME * Math.max(1, await countHostnames())
      const evenMs = cycleOf(certificate) / chains
      const refillMs = Math.max(1, Math.floor(Math.min(evenMs / QUICKER, SLOWEST_MS)))
      const rate = { capacity: AT_ONCE, refillMs, promisedMs: PROMISED_MS }
      const line = { ca: '*', limit: 'renewal_turns', key: '', rate }
      const isHurried = wantsHurry(certificate, renewalInfo)
      const latest = isHurried ? now : expiryWarningAt(certificate, { isUploaded: false })
      return store.budget.reserve(line, { now, latest: Math.floor(latest) })
    },
  }
}

/**
 * From one renewal to the next. Each takes as much of the line as its own cycle says, so the line is
 * right for fleets of mixed lifetimes too.
 */
function cycleOf(certificate: CertificateRef): number {
  return renewalDueAt(certificate, 0) - certificate.notBefore
}

/** The CA wants it renewed sooner than we would, or says why: it has to revoke it (RFC 9773). */
export function wantsHurry(
  certificate: CertificateRef,
  renewalInfo: RenewalInfo | undefined,
): boolean {
  if (!renewalInfo) return false
  const { window, explanationUrl } = renewalInfo
  return explanationUrl !== undefined || window.end < renewalDueAt(certificate, 1)
}

function remember(
  count: () => Promise<number>,
  { clock, forMs }: { clock: Clock; forMs: number },
): () => Promise<number> {
  let known: { value: number; at: number } | undefined
  return async () => {
    const now = clock.now()
    const isFresh = known && now >= known.at && now - known.at < forMs
    if (known && isFresh) return known.value
    known = { value: await count(), at: now }
    return known.value
  }
}
