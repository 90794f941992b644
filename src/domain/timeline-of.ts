import type { KeyAlgorithm } from './certificate.ts'
import type { CustomHostname, SslConfig } from './custom-hostname.ts'
import { newIssuance, orderOf, type Issuance } from './issuance.ts'
import type { ManagedChain } from './managed-chain.ts'
import { hostnameStatus } from './status.ts'
import type { TimelineDetails, TimelineEvent, TimelineFact, TimelineKind } from './timeline.ts'

/**
 * The events that lead from one version of a record to the next, in the order in which they happen.
 * Pure. What says nothing new is none: a look that found the same as the last one, a publication of
 * what is served already (a zone's fallback origin may publish a million hostnames again).
 *
 * @param before undefined where the record is new
 */
export function timelineOf(
  before: CustomHostname | undefined,
  after: CustomHostname,
  { now, by }: { now: number; by: string },
): TimelineEvent[] {
  const facts = before
    ? factsBetween(before, after)
    : [fact('hostname.created', { hostname: after.hostname })]
  return facts.map((each) => ({ hostnameId: after.id, at: now, by, ...each }))
}

function factsBetween(before: CustomHostname, after: CustomHostname): TimelineFact[] {
  if (before === after) return []
  return [
    ...edits(before, after),
    ...requests(before, after),
    ...ownershipFacts(before, after),
    ...after.chains.flatMap((chain) => chainFacts(chainBefore(before, chain), chain)),
    ...removedCertificates(before, after),
    ...deploymentFacts(before, after),
  ]
}

function edits(before: CustomHostname, after: CustomHostname): TimelineFact[] {
  const fields = [
    ...RECORD_FIELDS.filter(([key]) => !isSame(before[key], after[key])).map(([, name]) => name),
    ...changedSsl(before.ssl, after.ssl),
  ]
  return fields.length > 0 ? [fact('hostname.edited', { fields })] : []
}

const RECORD_FIELDS = [
  ['customMetadata', 'custom_metadata'],
  ['customOriginServer', 'custom_origin_server'],
  ['customOriginSni', 'custom_origin_sni'],
] as const satisfies readonly (readonly [keyof CustomHostname, string])[]

/** As the API names them. `packId` stays while there is a pack. */
const SSL_FIELDS = {
  method: 'ssl.method',
  type: 'ssl.type',
  certificateAuthority: 'ssl.certificate_authority',
  bundleMethod: 'ssl.bundle_method',
  wildcard: 'ssl.wildcard',
  branding: 'ssl.cloudflare_branding',
  settings: 'ssl.settings',
} as const satisfies Record<Exclude<keyof SslConfig, 'packId'>, string>

function changedSsl(before: SslConfig | undefined, after: SslConfig | undefined): string[] {
  if (before === after) return []
  if (!before || !after) return ['ssl']
  return Object.entries(SSL_FIELDS)
    .filter(([key]) => !isSame(Reflect.get(before, key), Reflect.get(after, key)))
    .map(([, name]) => name)
}

function isSame(one: unknown, other: unknown): boolean {
  return one === other || JSON.stringify(one) === JSON.stringify(other)
}

function requests(before: CustomHostname, after: CustomHostname): TimelineFact[] {
  return [
    ...(isRestarted(before, after) ? [fact('hostname.validation_requested', {})] : []),
    ...(after.removal && !before.removal ? [fact('hostname.removal_requested', {})] : []),
  ]
}

/** The looks so far count no more. What was not yet looked at cannot be asked to be looked at again. */
function isRestarted(before: CustomHostname, after: CustomHostname): boolean {
  if (hasFewerAttempts(before.ownership, after.ownership)) return true
  return after.chains.some(({ issuance, ...chain }) => {
    const previous = chainBefore(before, chain).issuance
    if (previous.state === 'timed_out') return issuance.state === 'scheduled'
    return previous.state === issuance.state && hasFewerAttempts(previous, issuance)
  })
}

function hasFewerAttempts(
  before: { state: string; attempts?: number },
  after: { state: string; attempts?: number },
): boolean {
  if (before.state !== after.state) return false
  return (after.attempts ?? 0) === 0 && (before.attempts ?? 0) > 0
}

function ownershipFacts(
  { ownership: before }: CustomHostname,
  after: CustomHostname,
): TimelineFact[] {
  const { ownership } = after
  if (ownership === before) return []
  if (ownership.state === 'pending') {
    if (before.state !== 'pending') return [fact('ownership.revived', {})]
    const isNews = ownership.errors.length > 0 && !isSame(ownership.errors, before.errors)
    return isNews ? [fact('ownership.not_verified', { problems: clipAll(ownership.errors) })] : []
  }
  if (ownership.state === 'verified' && before.state === 'verified') {
    return lookFacts(before.look?.problems ?? [], ownership.look?.problems ?? [])
  }
  if (ownership.state === before.state) return []
  switch (ownership.state) {
    case 'verified':
      return [fact('ownership.verified', { proof: ownership.by })]
    case 'moved':
      return [fact('ownership.moved', { problems: clipAll(ownership.errors) })]
    case 'deleted':
      return [fact('ownership.deleted', {})]
    case 'blocked':
      return [fact('ownership.blocked', { problem: clip(ownership.reason) })]
    default:
      return ownership satisfies never
  }
}

function lookFacts(before: readonly string[], after: readonly string[]): TimelineFact[] {
  if (isSame(before, after)) return []
  return after.length > 0
    ? [fact('ownership.left', { problems: clipAll(after) })]
    : [fact('ownership.returned', {})]
}

function chainBefore(
  record: CustomHostname,
  { keyAlgorithm }: Pick<ManagedChain, 'keyAlgorithm'>,
): ManagedChain {
  const chain = record.chains.find((one) => one.keyAlgorithm === keyAlgorithm)
  return chain ?? { keyAlgorithm, certificate: undefined, issuance: newIssuance(0) }
}

function chainFacts(before: ManagedChain, after: ManagedChain): TimelineFact[] {
  if (before === after) return []
  return [
    ...orderFacts(before, after),
    ...problemFacts(before, after),
    ...certificateFacts(before, after),
  ]
}

function orderFacts(before: ManagedChain, after: ManagedChain): TimelineFact[] {
  const { keyAlgorithm } = after
  const order = orderOf(after.issuance)
  const previous = orderOf(before.issuance)
  if (!order) return []
  const { ca } = order
  const isNew = order.url !== previous?.url || ca !== previous.ca
  const isRenewal = before.certificate !== undefined
  const isEntered = (state: string): boolean =>
    after.issuance.state === state && (isNew || before.issuance.state !== state)
  return [
    ...(isNew ? [fact('certificate.ordered', { keyAlgorithm, ca, isRenewal })] : []),
    ...(isEntered('validating') ? [fact('certificate.validating', { keyAlgorithm, ca })] : []),
    ...(isEntered('finalizing') ? [fact('certificate.validated', { keyAlgorithm, ca })] : []),
  ]
}

function problemFacts(before: ManagedChain, after: ManagedChain): TimelineFact[] {
  const { keyAlgorithm, issuance } = after
  const { issuance: previous } = before
  if (issuance === previous || !('problem' in issuance) || issuance.problem === undefined) {
    return expiryFacts(before, after)
  }
  const problem = clip(issuance.problem)
  const isNews = issuance.problem !== ('problem' in previous ? previous.problem : undefined)
  switch (issuance.state) {
    case 'ordered':
      if (isNews && isDeferred(previous, issuance)) return [waiting(keyAlgorithm, issuance)]
      return isNews ? [fact('certificate.not_ready', { keyAlgorithm, problem })] : []
    case 'validating':
    case 'finalizing':
      return isNews ? [waiting(keyAlgorithm, issuance)] : []
    case 'timed_out':
      if (previous.state === 'timed_out') return []
      return [fact('certificate.timed_out', { keyAlgorithm, phase: issuance.phase, problem })]
    case 'scheduled': {
      if (isOrderExpired(before, after)) return expiryFacts(before, after)
      if (isNews && isDeferred(previous, issuance)) return [waiting(keyAlgorithm, issuance)]
      // An order that is lost is news in any case; that none could be opened is so once.
      if (!isNews && !orderOf(before.issuance)) return []
      return [fact('certificate.failed', { keyAlgorithm, problem, retryAt: issuance.nextAt })]
    }
    default:
      return []
  }
}

/** Neither an order nor a look has failed: the CA is away, or a limit of it is in the way. */
function isDeferred(before: Issuance, after: Issuance): boolean {
  return (
    countOf(before, 'failures') === countOf(after, 'failures') &&
    countOf(before, 'attempts') === countOf(after, 'attempts')
  )
}

function countOf(issuance: Issuance, key: 'failures' | 'attempts'): number {
  return Number(Reflect.get(issuance, key) ?? 0)
}

function waiting(
  keyAlgorithm: KeyAlgorithm,
  { problem = '', nextAt }: { problem?: string; nextAt: number },
): TimelineFact {
  return fact('certificate.waiting', { keyAlgorithm, problem: clip(problem), nextAt })
}

function expiryFacts(before: ManagedChain, after: ManagedChain): TimelineFact[] {
  const order = orderOf(before.issuance)
  if (!order || !isOrderExpired(before, after)) return []
  const { keyAlgorithm } = after
  return [fact('certificate.order_expired', { keyAlgorithm, ca: order.ca })]
}

/** The looks go on where they were, which tells it from an order that failed. */
function isOrderExpired({ issuance: before }: ManagedChain, { issuance }: ManagedChain): boolean {
  if (before.state !== 'ordered' || issuance.state !== 'scheduled') return false
  return issuance.attempts !== undefined && issuance.failures === before.failures
}

function certificateFacts(before: ManagedChain, after: ManagedChain): TimelineFact[] {
  const { keyAlgorithm, certificate, issuance } = after
  const facts: TimelineFact[] = []
  if (certificate && certificate.id !== before.certificate?.id) {
    const { id: certificateId, notAfter: expiresAt } = certificate
    facts.push(fact(arrivalOf(before, after), { keyAlgorithm, certificateId, expiresAt }))
  }
  if (certificate && isWarned(issuance) && !isWarned(before.issuance)) {
    const { id: certificateId, notAfter: expiresAt } = certificate
    facts.push(fact('certificate.expiring', { keyAlgorithm, certificateId, expiresAt }))
  }
  const isServed = issuance.state === 'issued' || issuance.state === 'uploaded'
  if (isServed && before.issuance.state === 'deploying') {
    const { certificateId } = issuance
    facts.push(fact('certificate.deployed', { keyAlgorithm, certificateId }))
  }
  return facts
}

/** What nobody renews is the caller's own. */
function arrivalOf(
  before: ManagedChain,
  { issuance }: ManagedChain,
): 'certificate.uploaded' | 'certificate.renewed' | 'certificate.issued' {
  if (issuance.state === 'deploying' && issuance.renewAt === undefined)
    return 'certificate.uploaded'
  return before.certificate ? 'certificate.renewed' : 'certificate.issued'
}

/** Of a pack that lost a chain. */
function removedCertificates(before: CustomHostname, after: CustomHostname): TimelineFact[] {
  const kept = new Set(after.chains.map(({ keyAlgorithm }) => keyAlgorithm))
  return before.chains.flatMap(({ keyAlgorithm, certificate }) =>
    certificate && !kept.has(keyAlgorithm)
      ? [fact('certificate.removed', { keyAlgorithm, certificateId: certificate.id })]
      : [],
  )
}

function isWarned(issuance: Issuance): boolean {
  return issuance.state === 'uploaded' && issuance.warnedAt !== undefined
}

function deploymentFacts(before: CustomHostname, after: CustomHostname): TimelineFact[] {
  if (before.deployment === after.deployment) return []
  const isPublished = after.deployment.published && !before.deployment.published
  const isDeployed = hostnameStatus(before) === 'pending' && isServed(after)
  return [
    ...(isPublished ? [fact('hostname.published', {})] : []),
    ...(isDeployed ? [fact('hostname.deployed', {})] : []),
  ]
}

function isServed(record: CustomHostname): boolean {
  return ['active', 'active_redeploying'].includes(hostnameStatus(record))
}

function fact<Kind extends TimelineKind>(
  kind: Kind,
  details: TimelineDetails[Kind],
): { kind: Kind; details: TimelineDetails[Kind] } {
  return { kind, details }
}

/** What a CA or a customer's server said is as long as they like. */
const MAX_TEXT = 500
const MAX_PROBLEMS = 10

function clip(text: string): string {
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text
}

function clipAll(texts: readonly string[]): string[] {
  return texts.slice(0, MAX_PROBLEMS).map(clip)
}
