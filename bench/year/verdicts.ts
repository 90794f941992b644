import type { Outcome } from './simulate.ts'
import { FULL_SIZE } from './scenario.ts'
import { DAY, HOUR } from './units.ts'

export interface Verdict {
  title: string
  isHeld: boolean
  /** What was found, in numbers. */
  finding: string
}

/** Any stretch of this length must do: the longest pause between two attempts is four hours. */
const CHANCE_MS = 12 * HOUR
const MOST_OF_MEAN = 2

/** What the issue asks for. None may be left out for a run to pass. */
export function judge(outcome: Outcome): Verdict[] {
  return [
    judgeExpiries(outcome),
    judgeLimits(outcome),
    ...judgePeaks(outcome),
    judgeBrokenCustomers(outcome),
  ]
}

/**
 * A renewal may wait its turn in the first half of its time; in the second any chance must be taken.
 * Those who only had one in the first half are told of.
 */
function judgeExpiries({ journal }: Outcome): Verdict {
  const { expiries, totals } = journal
  const missed = expiries.filter(({ urgentChanceMs }) => urgentChanceMs >= CHANCE_MS)
  const unlucky = expiries.filter(
    (expiry) => expiry.longestChanceMs >= CHANCE_MS && !missed.includes(expiry),
  )
  const [first] = missed
  const sentences = [
    `${missed.length} of ${totals.renewals} renewals came too late`,
    `smallest lifetime left at a renewal of a customer without trouble: ${days(totals.smallestAtRenewalMs)}`,
    `expired with their customers' DNS: ${expiries.length - missed.length}`,
    `of these, broken while they waited their turn: ${unlucky.length}`,
    ...(first ? [`such as ${first.hostname} on ${date(first.notAfter)}`] : []),
  ]
  return verdict('Nothing that could be renewed expires', missed.length === 0, sentences)
}

function judgeLimits({ violations, journal }: Outcome): Verdict {
  const sentences = [...violations].map(([limit, count]) => `${limit}: ${count}`)
  const orders = `${journal.totals.orders} orders, none refused`
  const isHeld = violations.size === 0
  return verdict("None of the CA's limits is exceeded", isHeld, isHeld ? [orders] : sentences)
}

/** A stretch of time, cut into bins of equal length. */
interface Stretch {
  start: number
  end: number
}

/**
 * By lifetime in force: the mean of the hours of 45-day certificates is twice that of 90-day ones.
 * Outages, what is caught up with after them, and the weeks after each change are counted in; of the
 * first, only the weeks in which the hostnames come in are left out, whose pace the CA's limit sets.
 */
function judgePeaks(outcome: Outcome): Verdict[] {
  const { scenario } = outcome
  const { eras, endAt } = scenario
  return eras.map(({ lifetimeMs, from }, place) => {
    const start = Math.max(from, steadyFrom(outcome))
    const end = eras[place + 1]?.from ?? endAt
    const { mean, highest, at } = peakOf(outcome, { start, end })
    const ratio = highest / mean
    const name = binMs(outcome) === HOUR ? 'hour' : `${binMs(outcome) / HOUR} hours`
    const title = `The highest ${name} of orders is at most twice the mean (${days(lifetimeMs)})`
    const sentences = [
      `${highest} = ${ratio.toFixed(2)} × ${mean.toFixed(1)}`,
      `on ${new Date(at).toISOString().slice(0, 16)}Z`,
    ]
    return verdict(title, ratio <= MOST_OF_MEAN, sentences)
  })
}

/**
 * An hour at full size, longer for fewer hostnames, so that about as many orders fall into one and
 * chance decides as little; a day at most.
 */
export function binMs({ scenario }: Pick<Outcome, 'scenario'>): number {
  const hours = Math.round(FULL_SIZE / scenario.hostnames)
  return Math.min(Math.max(hours, 1), DAY / HOUR) * HOUR
}

function peakOf(
  outcome: Outcome,
  { start, end }: Stretch,
): { mean: number; highest: number; at: number } {
  const { scenario, journal } = outcome
  const hours = binMs(outcome) / HOUR
  const first = Math.ceil((start - scenario.startAt) / HOUR)
  const last = Math.floor((end - scenario.startAt) / HOUR)
  let [highest, at, total, bins] = [0, start, 0, 0]
  for (let hour = first; hour + hours <= last; hour += hours) {
    const count = sum(journal.ordersByHour.subarray(hour, hour + hours))
    total += count
    bins++
    if (count > highest) [highest, at] = [count, scenario.startAt + hour * HOUR]
  }
  return { mean: total / bins, highest, at }
}

/** When no more hostnames came in, and 99 in 100 first orders had been placed. */
export function steadyFrom({ scenario, journal }: Pick<Outcome, 'scenario' | 'journal'>): number {
  const { ordersByHour, renewalsByHour } = journal
  const firsts = ordersByHour.map((orders, hour) => orders - (renewalsByHour[hour] ?? 0))
  const wanted = 0.99 * sum(firsts)
  let placed = 0
  const hour = firsts.findIndex((count) => (placed += count) >= wanted)
  return scenario.startAt + Math.max((hour + 1) * HOUR, scenario.arrivalMs)
}

/** Looked at in vain at most so often a day and chain, once the back-off has reached its four hours. */
function judgeBrokenCustomers({ journal, brokenCustomers }: Outcome): Verdict {
  const { failedValidations, hurries, lostWhileValid, vainLooks } = journal.totals
  const isHeld = failedValidations + hurries + lostWhileValid === 0
  return verdict('Customers who break their DNS are kept and not hammered', isHeld, [
    `${brokenCustomers} customers`,
    `given up while a certificate was valid: ${lostWhileValid}`,
    `failed validations at the CA: ${failedValidations}`,
    `looked at before it was time: ${hurries}`,
    `looks in vain: ${vainLooks}`,
  ])
}

function verdict(title: string, isHeld: boolean, sentences: readonly string[]): Verdict {
  return { title, isHeld, finding: sentences.join('; ') }
}

function sum(numbers: Iterable<number>): number {
  let total = 0
  for (const number of numbers) total += number
  return total
}

function days(ms: number): string {
  return `${Number((ms / DAY).toFixed(1))} days`
}

function date(at: number): string {
  return new Date(at).toISOString().slice(0, 10)
}
