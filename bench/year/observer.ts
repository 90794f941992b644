import type { Certificate } from '#domain/certificate.ts'
import type { CustomHostname } from '#domain/custom-hostname.ts'
import { validationDelayMs } from '#domain/validation.ts'

import type { Customers } from './customers.ts'
import { chainIndex, type Change } from './fleet.ts'
import { longestFree, type Interval } from './intervals.ts'
import type { Journal } from './journal.ts'
import type { Scenario } from './scenario.ts'
import { DAY } from './units.ts'

export interface Observer {
  onChange(change: Change, now: number): void
  /** Once a day. */
  survey(now: number): void
}

export interface ObserverOptions {
  scenario: Scenario
  customers: Customers
  journal: Journal
}

/** A customer who has just mended the DNS is given so long before we expect anything of the name. */
const CONVALESCENCE_MS = 2 * DAY

/** Sees what becomes of every chain, and writes down what the verdicts need. */
export function createObserver(options: ObserverOptions): Observer {
  return new FleetObserver(options)
}

class FleetObserver implements Observer {
  readonly #options: ObserverOptions
  /** By chain; 0: none yet. */
  readonly #notBefore: Float64Array
  readonly #notAfter: Float64Array
  /** By chain, whether its certificate's end was written down. */
  readonly #isOver: Uint8Array
  /** By chain, when a challenge was last found not to be ready. */
  readonly #lookedAt: Float64Array

  constructor(options: ObserverOptions) {
    this.#options = options
    const chains = 2 * options.scenario.hostnames
    this.#notBefore = new Float64Array(chains)
    this.#notAfter = new Float64Array(chains)
    this.#isOver = new Uint8Array(chains)
    this.#lookedAt = new Float64Array(chains)
  }

  onChange({ before, update }: Change, now: number): void {
    for (const certificate of update.addCertificates ?? []) {
      this.#noteCertificate(Number(before.id), certificate, now)
    }
    this.#notePace(before, update.record, now)
    if (isLost(update.record, now)) this.#options.journal.noteLoss()
  }

  survey(now: number): void {
    const { scenario, customers, journal } = this.#options
    let smallest = Infinity
    let expired = 0
    let chains = 0
    for (let chain = 0; chain < 2 * scenario.hostnames; chain++) {
      const notAfter = this.#notAfter[chain] ?? 0
      if (notAfter === 0) continue
      chains++
      if (notAfter <= now) {
        expired++
        this.#noteEnd(chain)
      } else if (isWell(customers.customerOf(chain >> 1).breakage, now)) {
        smallest = Math.min(smallest, notAfter - now)
      }
    }
    const smallestRemainingMs = smallest === Infinity ? undefined : smallest
    const day = Math.round((now - scenario.startAt) / DAY)
    journal.noteDay(day, { chains, expired, smallestRemainingMs })
  }

  #noteCertificate(
    index: number,
    { keyAlgorithm, notBefore, notAfter }: Certificate,
    now: number,
  ): void {
    const { customers, journal } = this.#options
    const chain = chainIndex(index, keyAlgorithm)
    const previous = this.#notAfter[chain] ?? 0
    if (previous > 0) {
      if (previous <= now) this.#noteEnd(chain)
      const isUndisturbed = !customers.customerOf(index).breakage
      journal.noteRenewal({ remainingMs: previous - now, isUndisturbed })
    }
    this.#notBefore[chain] = notBefore
    this.#notAfter[chain] = notAfter
    this.#isOver[chain] = 0
  }

  /** The certificate ended, and there was none to take over. */
  #noteEnd(chain: number): void {
    if (this.#isOver[chain] === 1) return
    this.#isOver[chain] = 1
    const { scenario, customers, journal } = this.#options
    const notAfter = this.#notAfter[chain] ?? 0
    const lead = (notAfter - (this.#notBefore[chain] ?? 0)) / 3
    const { breakage } = customers.customerOf(chain >> 1)
    const blocked = [...scenario.outages, ...(breakage ? [breakage] : [])]
    const chanceIn = (start: number): number => longestFree({ start, end: notAfter }, blocked)
    journal.noteExpiry({
      hostname: customers.hostnames[chain >> 1] ?? '',
      notAfter,
      longestChanceMs: chanceIn(notAfter - lead),
      urgentChanceMs: chanceIn(notAfter - lead / 2),
    })
  }

  /** Whether a challenge was looked at again before it was time. */
  #notePace(before: CustomHostname, after: CustomHostname, now: number): void {
    for (const [place, { issuance: old, keyAlgorithm }] of before.chains.entries()) {
      const next = after.chains[place]?.issuance
      if (old.state !== 'ordered' || next?.state !== 'ordered') continue
      if (next.attempts <= old.attempts) continue
      const chain = chainIndex(Number(before.id), keyAlgorithm)
      const lookedAt = this.#lookedAt[chain] ?? 0
      const pause = old.attempts === 0 ? 0 : validationDelayMs(old.attempts - 1)
      if (now - lookedAt < pause) this.#options.journal.noteHurry()
      this.#lookedAt[chain] = now
    }
  }
}

/** No longer served, or no longer renewed, although there is a valid certificate. */
function isLost({ ownership, chains }: CustomHostname, now: number): boolean {
  const valid = chains.filter(({ certificate }) => certificate && certificate.notAfter > now)
  if (valid.length > 0 && ownership.state === 'moved') return true
  return valid.some(({ issuance }) => issuance.state === 'timed_out')
}

function isWell(breakage: Interval | undefined, now: number): boolean {
  return !breakage || now < breakage.start || now >= breakage.end + CONVALESCENCE_MS
}
