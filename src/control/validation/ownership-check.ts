import { OWNERSHIP_PATH } from '#domain/custom-hostname.ts'
import { normaliseServerName, type Hostname } from '#domain/hostname.ts'
import type { OwnershipProof } from '#domain/ownership.ts'
import type { Clock } from '#lib/clock.ts'

import type { Resolver } from '../dns/resolver.ts'
import type { OwnershipFinding, OwnershipQuestion } from '../lifecycle/inspector.ts'
import type { FetchWellKnown } from './well-known-fetch.ts'

export interface OwnershipCheckOptions {
  resolver: Resolver
  fetchWellKnown: FetchWellKnown
  clock: Clock
  /** For all proofs together, in milliseconds. @default 15000 */
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
  const { clock, deadlineMs = 15_000 } = options
  return async (question, signal) => {
    signal.throwIfAborted()
    const search = new AbortController()
    const timer = clock.after(deadlineMs, () => search.abort(new NotProved('It took too long.')))
    const both = AbortSignal.any([signal, search.signal])
    try {
      const ways = question.rivalTargets ? [proveByCname] : [proveByCname, proveByHttp]
      const proofs = ways.map((prove) => prove(question, options, both))
      return { provedBy: await Promise.any(proofs) }
    } catch (error) {
      signal.throwIfAborted()
      const known = question.rivalTargets ? SERVED_ERRORS : OWNERSHIP_ERRORS
      return { errors: [...known, ...explanationsOf(error)] }
    } finally {
      timer.cancel()
      search.abort()
    }
  }
}

/** Not this proof; the message says what was seen, for the customer. */
class NotProved extends Error {}

async function proveByCname(
  { hostname, cnameTarget, rivalTargets = [] }: OwnershipQuestion,
  { resolver }: OwnershipCheckOptions,
  signal: AbortSignal,
): Promise<OwnershipProof> {
  const target = normaliseTarget(cnameTarget)
  if (target === undefined) throw new NotProved()
  const rivals = rivalTargets.map(normaliseTarget).filter((rival) => rival !== undefined)
  const found = await resolver.resolveCname(hostname, signal)
  if (found.outcome !== 'found') throw new NotProved()
  if (found.values.some((name) => isUnder(name, target) && !isCloser(name, { target, rivals }))) {
    return 'cname'
  }
  if (found.values.some((name) => isUnder(name, target))) {
    throw new NotProved(`${hostname} is an alias of ${target}, as in the zone that serves it.`)
  }
  throw new NotProved(`${hostname} is an alias of ${found.values.at(-1)}, not of ${target}.`)
}

function isUnder(name: Hostname, target: Hostname): boolean {
  return name === target || name.endsWith(`.${target}`)
}

/** Whether the name lies under a rival's target that is the same, or lies below ours. */
function isCloser(
  name: Hostname,
  { target, rivals }: { target: Hostname; rivals: readonly Hostname[] },
): boolean {
  return rivals.some((rival) => isUnder(name, rival) && rival.length >= target.length)
}

/** A target may be written as the wildcard that it is in the zone's DNS. */
function normaliseTarget(cnameTarget: string | undefined): Hostname | undefined {
  return normaliseServerName(cnameTarget?.replace(/^\*\./, '') ?? '')
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

/** @throws what is not a missing proof: a fault of ours must not look like the customer's */
function explanationsOf(error: unknown): string[] {
  const errors: unknown[] = error instanceof AggregateError ? error.errors : [error]
  return errors
    .map((each) => {
      if (each instanceof NotProved) return each.message
      throw each
    })
    .filter((message) => message !== '')
}
