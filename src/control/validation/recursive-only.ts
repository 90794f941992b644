import type { AuthoritativeResolver, Resolver } from '../dns/resolver.ts'

/** A resolver that knows nothing of authoritative servers: whoever surveys falls back to it. */
export function recursiveOnly(resolver: Resolver): AuthoritativeResolver {
  return {
    ...resolver,
    survey: async () => ({ zone: undefined, servers: [] }),
    findCaa: async () => ({ outcome: 'none' }),
    checkDnssec: async () => 'unknown',
  }
}
