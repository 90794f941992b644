import type { Scenario } from './scenario.ts'
import { DAY, HOUR } from './units.ts'

/** What happened, counted by the hour or the day from the scenario's start. */
export interface Journal {
  noteOrder(order: { now: number; isRenewal: boolean }): void
  /** The CA was away. */
  noteUnanswered(request: { now: number; kind: 'orders' | 'others' }): void
  noteFailedValidation(): void
  noteDay(day: number, survey: DaySurvey): void
  noteRenewal(renewal: { remainingMs: number; isUndisturbed: boolean }): void
  noteExpiry(expiry: Expiry): void
  noteHurry(): void
  noteLoss(): void
  noteLook(): void
  readonly ordersByHour: Uint32Array
  readonly renewalsByHour: Uint32Array
  readonly unansweredByHour: Uint32Array
  readonly days: (DaySurvey | undefined)[]
  readonly expiries: readonly Expiry[]
  readonly totals: Totals
}

export interface DaySurvey {
  chains: number
  /** Of chains whose customer's DNS is fine; undefined: there are none. */
  smallestRemainingMs: number | undefined
  /** Chains without a valid certificate that had one. */
  expired: number
}

/** A certificate that nothing replaced in time. */
export interface Expiry {
  hostname: string
  notAfter: number
  /** The longest stretch of the time for renewal in which the CA and the customer's DNS were fine. */
  longestChanceMs: number
  /** The same of the second half of that time. */
  urgentChanceMs: number
}

export interface Totals {
  orders: number
  renewals: number
  unanswered: number
  failedValidations: number
  /** Looks at a challenge before it was time. */
  hurries: number
  /** Chains that were given up, or names retired, while a certificate was valid. */
  lostWhileValid: number
  /** Looks at challenges of customers whose DNS is broken. */
  vainLooks: number
  smallestAtRenewalMs: number
}

export function createJournal({ startAt, endAt }: Scenario): Journal {
  const hours = Math.ceil((endAt - startAt) / HOUR)
  const ordersByHour = new Uint32Array(hours)
  const renewalsByHour = new Uint32Array(hours)
  const unansweredByHour = new Uint32Array(hours)
  const days = Array.from<DaySurvey | undefined>({ length: Math.ceil((endAt - startAt) / DAY) })
  const expiries: Expiry[] = []
  const totals: Totals = {
    orders: 0,
    renewals: 0,
    unanswered: 0,
    failedValidations: 0,
    hurries: 0,
    lostWhileValid: 0,
    vainLooks: 0,
    smallestAtRenewalMs: Infinity,
  }
  const count = (hours: Uint32Array, now: number): void => {
    const hour = Math.floor((now - startAt) / HOUR)
    hours[hour] = (hours[hour] ?? 0) + 1
  }
  return {
    ordersByHour,
    renewalsByHour,
    unansweredByHour,
    days,
    expiries,
    totals,
    noteOrder({ now, isRenewal }) {
      totals.orders++
      count(ordersByHour, now)
      if (isRenewal) count(renewalsByHour, now)
    },
    noteUnanswered({ now }) {
      totals.unanswered++
      count(unansweredByHour, now)
    },
    noteFailedValidation: () => void totals.failedValidations++,
    noteDay: (day, survey) => void (days[day] = survey),
    noteRenewal({ remainingMs, isUndisturbed }) {
      totals.renewals++
      if (!isUndisturbed) return
      totals.smallestAtRenewalMs = Math.min(totals.smallestAtRenewalMs, remainingMs)
    },
    noteExpiry: (expiry) => void expiries.push(expiry),
    noteHurry: () => void totals.hurries++,
    noteLoss: () => void totals.lostWhileValid++,
    noteLook: () => void totals.vainLooks++,
  }
}
