import { createAddressRule } from '#control/dns/address-rule.ts'
import {
  createAuthoritativeResolver,
  type AuthoritativeResolverOptions,
} from '#control/dns/authoritative-resolver.ts'
import type { AuthoritativeResolver } from '#control/dns/resolver.ts'
import { systemClock } from '#lib/clock.ts'
import { systemRandom } from '#lib/random.ts'

/** The customers of tests have loopback addresses. */
export const INSIDE_TOO = createAddressRule({ allowPrivate: true })

/** On real time, with the patience of a test: asks `servers` only, unless told otherwise. */
export function testResolver(
  options: Partial<AuthoritativeResolverOptions> & { servers: readonly string[] },
): AuthoritativeResolver {
  const patience = { timeoutMs: 500, tries: 1 }
  return createAuthoritativeResolver({
    clock: systemClock,
    random: systemRandom,
    addressRule: INSIDE_TOO,
    ...patience,
    ...options,
  })
}
