import type { DnsAddress, DnsFailure } from '../dns/resolver.ts'

/** It is not the customer's fault, and he reads it. */
const UNHEARD =
  'none of the DNS servers that this service asks answers, and nothing is wrong with the name'

/** What a look-up that failed means to the customer. */
export const DNS_FAILURES = {
  nxdomain: (subject) => `${subject} does not exist in DNS (NXDOMAIN).`,
  nodata: (subject) => `${subject} has no A or AAAA record.`,
  servfail: (subject) => `${subject} cannot be looked up: its name servers fail (SERVFAIL).`,
  timeout: (subject) => `${subject} cannot be looked up: its name servers do not answer in time.`,
  unheard: (subject) => `${subject} could not be looked up: ${UNHEARD}.`,
} as const satisfies Record<DnsFailure, (subject: string) => string>

/** The addresses none of which may be connected to: the first one stands for all. */
export function noUsableAddress(subject: string, [first]: readonly DnsAddress[]): string {
  if (!first) return DNS_FAILURES.nodata(subject)
  return `${subject} has the address ${first.address}, which is ${first.flaw}: the CA cannot reach it.`
}
