import { OWNERSHIP_PATH } from '#domain/custom-hostname.ts'
import { isWithin, type Hostname } from '#domain/hostname.ts'
import type { OwnershipProof } from '#domain/ownership.ts'
import type { Clock } from '#lib/clock.ts'
import { startDeadline } from '#lib/deadline.ts'

import type { AuthoritativeResolver } from '../dns/resolver.ts'
import type { OwnershipFinding, OwnershipQuestion } from '../lifecycle/inspector.ts'
import { normaliseTarget } from './cname-target.ts'
import { DNS_FAILURES } from './dns-failures.ts'
import type { IsEdgeAddress } from './edge-prefixes.ts'
import { judgeToken, lookForToken } from './ownership-token.ts'
import type { FetchWellKnown } from './well-known-fetch.ts'

export interface OwnershipCheckOptions {
  resolver: AuthoritativeResolver
  fetchWellKnown: FetchWellKnown
  isEdgeAddress: IsEdgeAddress
  clock: Clock
  /** For all proofs together, in milliseconds. @default 11000 */
  deadlineMs?: number
}

export type OwnershipCheck = (
  question: OwnershipQuestion,
  signal: AbortSignal,
) => Promise<OwnershipFinding>

/** The specification's sentences (section 3.6), word for word. */
const OWNERSHIP_ERRORS = [
  'custom hostname does not CNAME to this zone.',
  'None of the A or AAAA records are owned by this account and the pre-generated ownership verification token was not found.',
] as const
const SERVED_ERRORS = [
  'The hostname is using Cloudflare and cannot be activated with an TXT or HTTP validation token. To activate the custom hostname, the DNS target needs to point to the SaaS zone',
] as const
const USER_AGENT = 'Cloudflare Custom Hostname Verification'

/**
 * Looks for the proofs of spec section 3.6 side by side; the first one found ends the search. Without
 * one the errors are the specification's two sentences, then what was seen instead. Rejects only
 * with `signal.reason`.
 */
export function createOwnershipCheck(options: OwnershipCheckOptions): OwnershipCheck {
  const { clock, deadlineMs = 11_000 } = options
  return async (question, signal) => {
    signal.throwIfAborted()
    const reason = new NotProved('It took too long.')
    using search = startDeadline(deadlineMs, { clock, signal, reason })
    try {
      const ways = question.rivalTargets ? [proveByCname] : ALL_WAYS
      const proofs = ways.map((prove) => prove(question, options, search.signal))
      return { provedBy: await Promise.any(proofs) }
    } catch (error) {
      signal.throwIfAborted()
      const known = question.rivalTargets ? SERVED_ERRORS : OWNERSHIP_ERRORS
      const errors = [...known, ...explanationsOf(error)]
      return { errors, ...(isOurs(error) && { isOurs: true }) }
    }
  }
}

/** In the order in which their explanations are given. */
const ALL_WAYS = [proveByCname, proveByTxt, proveByAddress, proveByHttp]

/** Not this proof; the message says what was seen, for the customer. */
class NotProved extends Error {}

/** Nor disproved: it could not be asked. */
class NotAsked extends NotProved {}

async function proveByCname(
  { hostname, cnameTarget, rivalTargets = [] }: OwnershipQuestion,
  { resolver }: OwnershipCheckOptions,
  signal: AbortSignal,
): Promise<OwnershipProof> {
  const target = normaliseTarget(cnameTarget)
  if (target === undefined) throw new NotProved()
  const rivals = rivalTargets.map(normaliseTarget).filter((rival) => rival !== undefined)
  const found = await resolver.resolveCname(hostname, signal)
  if (found.outcome === 'unheard') throw new NotAsked(DNS_FAILURES.unheard(hostname))
  if (found.outcome !== 'found') throw new NotProved()
  if (found.values.some((name) => isWithin(name, target) && !isCloser(name, { target, rivals }))) {
    return 'cname'
  }
  if (found.values.some((name) => isWithin(name, target))) {
    throw new NotProved(`${hostname} is an alias of ${target}, as in the zone that serves it.`)
  }
  throw new NotProved(`${hostname} is an alias of ${found.values.at(-1)}, not of ${target}.`)
}

/** Whether the name lies under a rival's target that is the same, or lies below ours. */
function isCloser(
  name: Hostname,
  { target, rivals }: { target: Hostname; rivals: readonly Hostname[] },
): boolean {
  return rivals.some((rival) => isWithin(name, rival) && rival.length >= target.length)
}

/** The token stands in the name's own DNS, at every server that answers. */
async function proveByTxt(
  { hostname, token }: OwnershipQuestion,
  { resolver }: OwnershipCheckOptions,
  signal: AbortSignal,
): Promise<OwnershipProof> {
  const sighting = await lookForToken({ hostname, token }, resolver, signal)
  const verdict = judgeToken(sighting)
  if (verdict.isProved) return 'txt'
  throw new NotProved(verdict.problem)
}

/** The name leads nowhere but to the edges: apex names, which can have no CNAME. */
async function proveByAddress(
  { hostname }: OwnershipQuestion,
  { resolver, isEdgeAddress }: OwnershipCheckOptions,
  signal: AbortSignal,
): Promise<OwnershipProof> {
  const found = await resolver.resolveAddresses(hostname, signal)
  if (found.outcome !== 'found') throw new NotProved()
  const strays = found.values.filter(({ address }) => !isEdgeAddress(address))
  if (strays.length === 0) return 'address'
  if (strays.length === found.values.length) throw new NotProved()
  const [stray] = strays
  throw new NotProved(`${hostname} has the address ${stray?.address} too, which leads elsewhere.`)
}

async function proveByHttp(
  { hostname, hostnameId, token }: OwnershipQuestion,
  { fetchWellKnown }: OwnershipCheckOptions,
  signal: AbortSignal,
): Promise<OwnershipProof> {
  const path = `${OWNERSHIP_PATH}${hostnameId}`
  const found = await fetchWellKnown({ hostname, path, userAgent: USER_AGENT }, signal)
  if (found.outcome === 'failed') throw new NotProved(found.problem)
  if (found.body.trimEnd() === token) return 'http'
  throw new NotProved(`http://${hostname}${path} answered with another body than the token.`)
}

function isOurs(error: unknown): boolean {
  return error instanceof AggregateError && error.errors.some((each) => each instanceof NotAsked)
}

/** @throws what is not a missing proof: a fault of ours must not look like the customer's */
function explanationsOf(error: unknown): string[] {
  const errors: unknown[] = error instanceof AggregateError ? error.errors : [error]
  const messages = errors.map((each) => {
    if (each instanceof NotProved) return each.message
    throw each
  })
  return [...new Set(messages)].filter((message) => message !== '')
}
