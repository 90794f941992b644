import type { CaLimit } from '#domain/ca-limits.ts'

/**
 * Which limit a CA means. Let's Encrypt's problem documents end with the address of the limit's
 * description; the sentences around it have changed over the years, the anchors hardly. Nothing else
 * is trusted: to take one name's limit for the account's would stop everybody.
 */
export function limitInProblem(problem: string): CaLimit | undefined {
  const [, anchor] =
    /https:\/\/letsencrypt\.org\/docs\/rate-limits\/#([a-z-]{1,100})/.exec(problem) ?? []
  return anchor === undefined ? undefined : ANCHORS.get(anchor)
}

const ANCHORS: ReadonlyMap<string, CaLimit> = new Map([
  ['new-orders-per-account', 'orders_per_account'],
  ['new-certificates-per-registered-domain', 'certificates_per_domain'],
  ['new-certificates-per-exact-set-of-identifiers', 'duplicate_certificates'],
  ['new-certificates-per-exact-set-of-hostnames', 'duplicate_certificates'],
  ['authorization-failures-per-identifier-per-account', 'failed_validations'],
  ['authorization-failures-per-hostname-per-account', 'failed_validations'],
  ['consecutive-authorization-failures-per-identifier-per-account', 'consecutive_failures'],
  ['consecutive-authorization-failures-per-hostname-per-account', 'consecutive_failures'],
])
