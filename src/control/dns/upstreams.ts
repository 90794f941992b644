import type { Clock } from '#lib/clock.ts'

import type { Endpoint, Exchange } from './exchange.ts'
import { readRecursive, summarise, type Finding } from './finding.ts'
import type { Ask, LookUp } from './guide.ts'
import { attemptInTurn } from './in-turn.ts'
import type { Query, Reply } from './message.ts'
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
  const { servers, exchange, tries, clock, headStartMs } = options
  const askOne = async (server: Endpoint, query: Query, lookUp: LookUp): Promise<Finding> =>
    readRecursive(await exchange(server, { ...query, recursion: true }, lookUp), query)
  return {
    async ask(query, lookUp) {
      const rounds = Array.from({ length: tries }, () => servers).flat()
      const attempts = rounds.map(
        (server) => (signal: AbortSignal) => askOne(server, query, { ...lookUp, signal }),
      )
      const isGood = (finding: Finding): boolean => finding.kind !== 'failed'
      const { signal } = lookUp
      const result = await attemptInTurn(attempts, { isGood, headStartMs, clock, signal })
      return 'good' in result ? result.good : summarise(result.bad)
    },
    askEach: (query, lookUp) =>
      Promise.all(
        servers.map(async (server) => ({ server, finding: await askOne(server, query, lookUp) })),
      ),
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
