import type {
  AuthoritativeResolver,
  CaaOutcome,
  DnsAddress,
  DnsFailure,
  DnsOutcome,
  DnssecState,
  Resolver,
  ServerAnswer,
  Survey,
} from '#control/dns/resolver.ts'
import { parseHostname, type Hostname } from '#domain/hostname.ts'

import { INSIDE_TOO } from './test-resolver.ts'

/** What one server says when asked `TYPE name`; what is not listed does not exist. */
export type ServerSays = Record<string, readonly string[] | { alias: string } | DnsFailure>

export interface FakeAuthorityOptions {
  /** Apex of the zone that holds every name. @default undefined: no delegation can be followed */
  zone?: string
  /** By the server's name. @default none */
  servers?: Record<string, ServerSays>
  /** @default nobody restricts anything */
  caa?: CaaOutcome
  /** @default 'unknown' */
  dnssec?: DnssecState
  /** Answers what is asked of a resolver. @default made from what the first server says */
  resolver?: Resolver
}

/** Authoritative servers without any network, for what no real server can be made to say. */
export function fakeAuthority(options: FakeAuthorityOptions = {}): AuthoritativeResolver {
  const { servers = {}, caa = { outcome: 'none' }, dnssec = 'unknown' } = options
  const zone = options.zone === undefined ? undefined : aName(options.zone)
  const first = Object.values(servers)[0] ?? {}
  return {
    ...(options.resolver ?? resolverOf(first)),
    findCaa: async () => caa,
    checkDnssec: async () => dnssec,
    async survey(name, type): Promise<Survey> {
      return {
        zone,
        servers: Object.entries(servers).map(([server, says], at) => ({
          server,
          address: `192.0.2.${53 + at}`,
          answer: answerOf(says, `${type} ${name}`),
        })),
      }
    },
  }
}

export function aName(name: string): Hostname {
  return parseHostname(name, { allowReservedTlds: true })
}

function answerOf(says: ServerSays, question: string): ServerAnswer['answer'] {
  const said = says[question] ?? 'nxdomain'
  if (typeof said === 'string') return { outcome: said }
  if ('alias' in said) return { outcome: 'alias', target: aName(said.alias) }
  return { outcome: 'found', values: said, ttl: 300 }
}

function judged(address: string, family: 4 | 6): DnsAddress {
  const flaw = INSIDE_TOO(address)
  return flaw === undefined ? { address, family } : { address, family, flaw }
}

function resolverOf(says: ServerSays): Resolver {
  const valuesOf = (question: string): DnsOutcome<string> => {
    const said = says[question] ?? 'nxdomain'
    if (typeof said === 'string') return { outcome: said }
    return 'alias' in said ? { outcome: 'nodata' } : { outcome: 'found', values: said }
  }
  return {
    resolveTxt: async (name) => valuesOf(`TXT ${name}`),
    async resolveCname(name) {
      const said = valuesOf(`CNAME ${name}`)
      return said.outcome === 'found'
        ? { outcome: 'found', values: said.values.map(aName) }
        : { outcome: said.outcome }
    },
    async resolveAddresses(name) {
      const families = [
        { found: valuesOf(`AAAA ${name}`), family: 6 as const },
        { found: valuesOf(`A ${name}`), family: 4 as const },
      ]
      const values = families.flatMap(({ found, family }) =>
        found.outcome === 'found' ? found.values.map((address) => judged(address, family)) : [],
      )
      return values.length > 0 ? { outcome: 'found', values } : { outcome: 'nxdomain' }
    },
  }
}
