import type { Clock } from '#lib/clock.ts'

import type { Endpoint, Exchange } from './exchange.ts'
import { isUnheard, readRecursive, summarise, UNHEARD, type Finding } from './finding.ts'
import type { Ask, LookUp } from './guide.ts'
import { attemptInTurn } from './in-turn.ts'
import type { Query, Reply } from './message.ts'
import { watchReach } from './reach.ts'
import type { DnssecState } from './resolver.ts'
import { RCODE } from './wire.ts'

/** Recursive servers (RFC 8499), asked in their order. */
export interface Upstreams {
  ask: Ask
  /** What each of them says. */
  askEach(query: Query, lookUp: LookUp): Promise<{ server: Endpoint; finding: Finding }[]>
  checkDnssec(name: string, lookUp: LookUp): Promise<DnssecState>
}

export interface UpstreamsOptions {
  servers: readonly Endpoint[]
  exchange: Exchange
  clock: Clock
  /** How often each is asked. */
  tries: number
  headStartMs: number
}

export function createUpstreams(options: UpstreamsOptions): Upstreams {
  const { servers, tries, clock, headStartMs } = options
  const { exchange, isBlocked } = watchReach(options.exchange, clock)
  const askOne = async (server: Endpoint, query: Query, lookUp: LookUp): Promise<Finding> =>
    readRecursive(await exchange(server, { ...query, recursion: true }, lookUp), query)
  const isNobodyThere = (findings: readonly Finding[]): boolean =>
    findings.every((finding) => isUnheard(finding, { isBlocked: isBlocked() }))
  return {
    async ask(query, lookUp) {
      const rounds = Array.from({ length: tries }, () => servers).flat()
      const attempts = rounds.map(
        (server) => (signal: AbortSignal) => askOne(server, query, { ...lookUp, signal }),
      )
      const isGood = (finding: Finding): boolean => finding.kind !== 'failed'
      const { signal } = lookUp
      const result = await attemptInTurn(attempts, { isGood, headStartMs, clock, signal })
      if ('good' in result) return result.good
      return isNobodyThere(result.bad) ? UNHEARD : summarise(result.bad)
    },
    async askEach(query, lookUp) {
      const told = await Promise.all(
        servers.map(async (server) => ({ server, finding: await askOne(server, query, lookUp) })),
      )
      const isSilent = isNobodyThere(told.map(({ finding }) => finding))
      return isSilent ? told.map(({ server }) => ({ server, finding: UNHEARD })) : told
    },
    async checkDnssec(name, lookUp) {
      for (const server of servers) {
        const ask = async (query: Query): Promise<Reply | undefined> => {
          const heard = await exchange(server, { ...query, recursion: true }, lookUp)
          return typeof heard === 'string' ? undefined : heard
        }
        const state = await checkBy(ask, name)
        if (state !== 'unknown') return state
      }
      return 'unknown'
    },
  }
}

type AskOne = (query: Query) => Promise<Reply | undefined>

/**
 * Asked plainly twice, because a failure that is over by the second time was no signature's. A server
 * that answers may be one that does not validate: then it does not even for the root, which is signed.
 */
async function checkBy(ask: AskOne, name: string): Promise<DnssecState> {
  const query: Query = { name, type: 'A' }
  const plain = await ask(query)
  if (plain?.rcode !== RCODE.SERVFAIL) {
    if (plain === undefined || !isAnswer(plain)) return 'unknown'
    if (plain.isValidated) return 'fine'
    return (await ask({ name: '', type: 'SOA' }))?.isValidated ? 'fine' : 'unknown'
  }
  const unchecked = await ask({ ...query, checkingDisabled: true })
  if (unchecked === undefined || !isAnswer(unchecked)) return 'unknown'
  return (await ask(query))?.rcode === RCODE.SERVFAIL ? 'bogus' : 'unknown'
}

function isAnswer({ rcode }: Reply): boolean {
  return rcode === RCODE.NOERROR || rcode === RCODE.NXDOMAIN
}
