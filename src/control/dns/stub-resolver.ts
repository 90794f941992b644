import { Resolver as NodeResolver } from 'node:dns/promises'

import { normaliseServerName, type Hostname } from '#domain/hostname.ts'

import {
  MAX_CNAME_HOPS,
  type DnsAddress,
  type DnsFailure,
  type DnsOutcome,
  type Resolver,
} from './resolver.ts'

export interface StubResolverOptions {
  /** `ip:port` or `[ip]:port` of recursive servers; empty: the system's. */
  servers: readonly string[]
  /** For one question to one server, the first time it is asked, in milliseconds. @default 2000 */
  timeoutMs?: number
  /** How often each server is asked. @default 2 */
  tries?: number
}

/** Asks recursive servers (RFC 8499), through c-ares: no search list, no hosts file, no cache. */
export function createStubResolver(options: StubResolverOptions): Resolver {
  const { servers, timeoutMs = 2_000, tries = 2 } = options
  const node = new NodeResolver({ timeout: timeoutMs, tries, maxTimeout: 2 * timeoutMs })
  if (servers.length > 0) node.setServers([...servers])

  const cname = (name: Hostname, signal: AbortSignal): Promise<DnsOutcome<string>> =>
    ask(() => node.resolveCname(name), signal)

  return {
    async resolveAddresses(name, signal) {
      if (isLoopback(name)) return { outcome: 'found', values: LOOPBACK }
      const [six, four] = await Promise.all([
        ask(() => node.resolve6(name), signal),
        ask(() => node.resolve4(name), signal),
      ])
      return mergeFamilies(six, four)
    },
    resolveCname: (name, signal) =>
      isLoopback(name) ? noData() : followCname(name, (next) => cname(next, signal)),
    async resolveTxt(name, signal) {
      if (isLoopback(name)) return noData()
      return ask(
        async () => (await node.resolveTxt(name)).map((strings) => strings.join('')),
        signal,
      )
    },
  }
}

const LOOPBACK: readonly DnsAddress[] = [
  { address: '::1', family: 6 },
  { address: '127.0.0.1', family: 4 },
]

function isLoopback(name: Hostname): boolean {
  return name === 'localhost' || name.endsWith('.localhost')
}

async function noData(): Promise<{ outcome: 'nodata' }> {
  return { outcome: 'nodata' }
}

function mergeFamilies(six: DnsOutcome<string>, four: DnsOutcome<string>): DnsOutcome<DnsAddress> {
  const values = [...addressesOf(six, 6), ...addressesOf(four, 4)]
  if (values.length > 0) return { outcome: 'found', values }
  const outcomes = [six.outcome, four.outcome]
  return { outcome: WORST_FIRST.find((failure) => outcomes.includes(failure)) ?? 'nodata' }
}

/** What could not be found out comes before what is known not to be. */
const WORST_FIRST = ['servfail', 'timeout', 'nxdomain', 'nodata'] as const

function addressesOf(found: DnsOutcome<string>, family: 4 | 6): DnsAddress[] {
  return found.outcome === 'found' ? found.values.map((address) => ({ address, family })) : []
}

async function followCname(
  name: Hostname,
  lookUp: (name: Hostname) => Promise<DnsOutcome<string>>,
): Promise<DnsOutcome<Hostname>> {
  const values: Hostname[] = []
  for (let next = name; values.length < MAX_CNAME_HOPS;) {
    const answer = await lookUp(next)
    if (answer.outcome !== 'found') return chainTo(values, answer.outcome)
    const target = normaliseServerName(answer.values[0] ?? '')
    if (target === undefined) return chainTo(values, 'servfail')
    if (target === name || values.includes(target))
      return { ...found(values, target), endsBy: 'loop' }
    values.push(target)
    next = target
  }
  return { outcome: 'found', values, endsBy: 'loop' }
}

function found(
  values: readonly Hostname[],
  last: Hostname,
): { outcome: 'found'; values: Hostname[] } {
  return { outcome: 'found', values: [...values, last] }
}

/** The regular end of a chain is a name without a CNAME record, there or not. */
function chainTo(values: readonly Hostname[], end: DnsFailure): DnsOutcome<Hostname> {
  if (values.length === 0) return { outcome: end }
  return end === 'nodata' ? { outcome: 'found', values } : { outcome: 'found', values, endsBy: end }
}

async function ask(
  question: () => Promise<readonly string[]>,
  signal: AbortSignal,
): Promise<DnsOutcome<string>> {
  try {
    const values = await untilAborted(question, signal)
    return values.length > 0 ? { outcome: 'found', values } : { outcome: 'nodata' }
  } catch (error) {
    signal.throwIfAborted()
    return { outcome: failureOf(error) }
  }
}

/** The question itself goes on until its own time is over, which is short. */
async function untilAborted<Value>(
  work: () => Promise<Value>,
  signal: AbortSignal,
): Promise<Value> {
  signal.throwIfAborted()
  const { promise, reject } = Promise.withResolvers<never>()
  const onAbort = (): void => reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  return Promise.race([work(), promise]).finally(() => signal.removeEventListener('abort', onAbort))
}

function failureOf(error: unknown): DnsFailure {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  switch (code) {
    case 'ENOTFOUND':
      return 'nxdomain'
    case 'ENODATA':
      return 'nodata'
    case 'ETIMEOUT':
      return 'timeout'
    default:
      return 'servfail'
  }
}
