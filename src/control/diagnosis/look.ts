import { OWNERSHIP_PATH, type CustomHostname } from '#domain/custom-hostname.ts'
import { normaliseServerName, type Hostname } from '#domain/hostname.ts'
import type { OrderChallenge } from '#domain/order.ts'
import type { Clock } from '#lib/clock.ts'
import { startDeadline } from '#lib/deadline.ts'

import { txtNameOf } from '../ca/key-authorization.ts'
import type { AuthoritativeResolver, DnsAddress } from '../dns/resolver.ts'
import type { Inspector } from '../lifecycle/inspector.ts'
import { familiesOf } from '../validation/family-finding.ts'
import { lookForToken } from '../validation/ownership-token.ts'
import type { FetchWellKnown } from '../validation/well-known-fetch.ts'
import type { Sighting } from './facts.ts'

export interface LookOptions {
  resolver: AuthoritativeResolver
  fetchWellKnown: FetchWellKnown
  inspector: Pick<Inspector, 'inspectChallenge' | 'inspectPermission'>
  /** CAs that may be asked for this hostname, with the names by which CAA permits them. */
  listCas(record: CustomHostname, signal: AbortSignal): Promise<readonly CaaSubject[]>
  clock: Clock
  /** For everything together, in milliseconds. @default 8000 */
  deadlineMs?: number
}

export interface CaaSubject {
  /** As people call it. */
  title: string
  caaIdentities: readonly string[]
}

/** Of open orders: two key types, each with a name and its wildcard. */
const MAX_CHALLENGES = 4
const USER_AGENT = 'Custos (diagnosis)'

/**
 * Looks at all that a diagnosis is made of, side by side and within the time. What was not seen by
 * then is left out. Never rejects.
 */
export async function look(
  record: CustomHostname,
  target: Hostname | undefined,
  options: LookOptions,
): Promise<Sighting> {
  const { resolver, clock, deadlineMs = 8_000 } = options
  using deadline = startDeadline(deadlineMs, { clock })
  const run: Run = { record, target, options, signal: deadline.signal }
  const [dns, answers] = await Promise.all([lookAtDns(run, resolver), lookAtAnswers(run, resolver)])
  return { ...dns, ...answers }
}

interface Run {
  record: CustomHostname
  target: Hostname | undefined
  options: LookOptions
  signal: AbortSignal
}

async function lookAtDns(
  { record, target, signal }: Run,
  resolver: AuthoritativeResolver,
): Promise<Omit<Sighting, AnswerName>> {
  const { hostname, ownershipToken } = record
  const within = createGrace(signal)
  const [addresses, aliases, targetAddresses, records, dnssec, token, delegation] =
    await Promise.all([
      within(resolver.resolveAddresses(hostname, signal)),
      within(resolver.resolveCname(hostname, signal)),
      target && within(resolver.resolveAddresses(target, signal)),
      within(surveyAddresses(hostname, resolver, signal)),
      within(resolver.checkDnssec(hostname, signal)),
      within(lookForToken({ hostname, token: ownershipToken }, resolver, signal)),
      within(findDelegation(hostname, resolver, signal)),
    ])
  return { addresses, aliases, targetAddresses, records, dnssec, token, delegation }
}

type AnswerName = 'http' | 'permissions' | 'challenges'

/** What takes several steps: who answers, who may issue, what the orders want. */
async function lookAtAnswers(
  run: Run,
  resolver: AuthoritativeResolver,
): Promise<Pick<Sighting, AnswerName>> {
  const within = createGrace(run.signal)
  const [http, permissions, challenges] = await Promise.all([
    within(askFamilies(run, resolver)),
    within(askPermissions(run)),
    within(lookAtChallenges(run)),
  ])
  return { http, permissions, challenges }
}

/** Undefined in place of what is not there when time is over, or cannot be had at all. */
function createGrace(
  signal: AbortSignal,
): <Value>(work: Promise<Value>) => Promise<Value | undefined> {
  const over = Promise.withResolvers<undefined>()
  signal.addEventListener('abort', () => over.resolve(undefined), { once: true })
  return (work) => Promise.race([work.catch(() => undefined), over.promise])
}

async function surveyAddresses(
  hostname: Hostname,
  resolver: AuthoritativeResolver,
  signal: AbortSignal,
): Promise<NonNullable<Sighting['records']>> {
  const [A, AAAA] = await Promise.all([
    resolver.survey(hostname, 'A', signal),
    resolver.survey(hostname, 'AAAA', signal),
  ])
  return { A, AAAA }
}

async function askFamilies(
  { record: { hostname, id }, options, signal }: Run,
  resolver: AuthoritativeResolver,
): Promise<Sighting['http']> {
  const found = await resolver.resolveAddresses(hostname, signal)
  const families = found.outcome === 'found' ? familiesToAsk(found.values) : []
  const request = { hostname, path: `${OWNERSHIP_PATH}${id}`, userAgent: USER_AGENT }
  return Promise.all(
    families.map(async (family) => ({
      family,
      outcome: await options.fetchWellKnown({ ...request, family }, signal),
    })),
  )
}

/** Where none may be asked, the refusal to ask says why. */
function familiesToAsk(addresses: readonly DnsAddress[]): readonly (4 | 6)[] {
  const families = familiesOf(addresses)
  const [first] = addresses
  return families.length === 0 && first ? [first.family] : families
}

async function askPermissions({ record, options, signal }: Run): Promise<Sighting['permissions']> {
  const { listCas, inspector } = options
  if (!record.ssl?.method) return []
  const { hostname, ssl } = record
  const cas = (await listCas(record, signal)).filter(
    ({ caaIdentities }) => caaIdentities.length > 0,
  )
  return Promise.all(
    cas.map(async ({ title, caaIdentities }) => ({
      ca: title,
      finding: await inspector.inspectPermission(
        { hostname, wildcard: ssl.wildcard, caaIdentities },
        signal,
      ),
    })),
  )
}

async function findDelegation(
  hostname: Hostname,
  resolver: AuthoritativeResolver,
  signal: AbortSignal,
): Promise<Sighting['delegation']> {
  const name = normaliseServerName(txtNameOf(hostname))
  return name && resolver.resolveCname(name, signal)
}

async function lookAtChallenges({ record, options, signal }: Run): Promise<Sighting['challenges']> {
  const { inspector } = options
  return Promise.all(
    openChallenges(record).map(async (challenge) => ({
      type: challenge.type,
      finding: await inspector.inspectChallenge(challenge, signal),
    })),
  )
}

/** Those for which the customer's DNS must show something, while they are still to be shown. */
function openChallenges({ chains, ssl }: CustomHostname): OrderChallenge[] {
  const challenges = chains.flatMap(({ issuance }) =>
    issuance.state === 'ordered' || issuance.state === 'validating'
      ? issuance.order.challenges
      : [],
  )
  const needsDns = ssl?.method === 'txt' || ssl?.wildcard
  return challenges
    .filter(({ type, wildcard }) => type === 'dns-01' && (needsDns || wildcard))
    .slice(0, MAX_CHALLENGES)
}
