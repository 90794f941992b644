import type { Inspector } from '#control/lifecycle/inspector.ts'
import { parseHostname, type Hostname } from '#domain/hostname.ts'
import type { Clock } from '#lib/clock.ts'
import type { Random } from '#lib/random.ts'

import { includes, type Interval } from './intervals.ts'
import type { Scenario } from './scenario.ts'
import { drawBelow } from './seeded-random.ts'
import { DAY, HOUR } from './units.ts'

/** How a customer's DNS is broken: the name points elsewhere, or nobody can resolve it. */
interface Breakage extends Interval {
  how: 'elsewhere' | 'servfail'
}

export interface Customer {
  domain: string
  breakage: Breakage | undefined
}

export interface Customers {
  readonly hostnames: readonly Hostname[]
  /** Of the hostname of that number. */
  customerOf(index: number): Customer
  /** The number of the hostname. @throws {RangeError} where it is nobody's */
  indexOf(hostname: string): number
  /** Whether the hostname's DNS is as it should be. */
  isFine(hostname: string, now: number): boolean
  readonly brokenCount: number
}

/** Names of one customer: most have one, some a handful, a few more than a week's limit of a domain. */
const SIZES = [1, 1, 1, 1, 1, 1, 2, 2, 3, 5] as const
const LARGE_EVERY = 500
const LARGE = 60

export function createCustomers(scenario: Scenario, random: Random): Customers {
  const customers: Customer[] = []
  const owners: Customer[] = []
  while (owners.length < scenario.hostnames) {
    const customer = createCustomer(customers.length, { scenario, random })
    customers.push(customer)
    const drawn = SIZES[drawBelow(SIZES.length, random)] ?? 1
    const size = customers.length % LARGE_EVERY === 0 ? LARGE : drawn
    for (let n = 0; n < size && owners.length < scenario.hostnames; n++) owners.push(customer)
  }
  const hostnames = owners.map(({ domain }, index) => parseHostname(`app${index}.${domain}`))
  const indexes = new Map(hostnames.map((hostname, index) => [String(hostname), index]))
  const customerOf = (index: number): Customer => {
    const customer = owners[index]
    if (!customer) throw new RangeError(`no hostname has the number ${index}`)
    return customer
  }
  const indexOf = (hostname: string): number => {
    const index = indexes.get(hostname)
    if (index === undefined) throw new RangeError(`${hostname} is nobody's`)
    return index
  }
  return {
    hostnames,
    customerOf,
    indexOf,
    isFine(hostname, now) {
      const { breakage } = customerOf(indexOf(hostname))
      return !breakage || !includes(breakage, now)
    },
    brokenCount: customers.filter(({ breakage }) => breakage).length,
  }
}

function createCustomer(
  number: number,
  { scenario, random }: { scenario: Scenario; random: Random },
): Customer {
  const domain = `customer${number}.com`
  const isBreaking = random.fraction() < scenario.brokenShare
  return { domain, breakage: isBreaking ? drawBreakage(scenario, random) : undefined }
}

/** From an hour to most of a year, the short ones likelier; one in five is never mended. */
function drawBreakage({ startAt, endAt, arrivalMs }: Scenario, random: Random): Breakage {
  const first = startAt + 2 * arrivalMs
  const start = first + random.fraction() * (endAt - first)
  const lasting = HOUR * (300 * 24) ** random.fraction()
  const end = random.fraction() < 0.2 ? Infinity : start + lasting
  return { start, end, how: random.fraction() < 0.5 ? 'elsewhere' : 'servfail' }
}

/** The lifecycle's eyes, in the same world as the CA's. */
export function createInspector(
  customers: Customers,
  { clock, onLook }: { clock: Clock; onLook: (hostname: Hostname) => void },
): Inspector {
  const breakageOf = (hostname: string): Breakage | undefined => {
    const { breakage } = customers.customerOf(customers.indexOf(hostname))
    return breakage && includes(breakage, clock.now()) ? breakage : undefined
  }
  return {
    inspectOwnership: async () => ({ provedBy: 'cname' }),
    async inspectPermission({ hostname }) {
      onLook(hostname)
      if (breakageOf(hostname)?.how !== 'servfail') return { isPermitted: true }
      const problem = `The DNS of ${hostname} cannot be resolved.`
      return { isPermitted: false, reason: 'dns', problem }
    },
    async inspectChallenge({ identifier }) {
      if (!breakageOf(identifier)) return { isReady: true }
      return { isReady: false, problem: `${identifier} points elsewhere.` }
    },
  }
}

/** A customer who has mended the DNS tells so within a day. */
export const TELLS_AFTER_MS = DAY
