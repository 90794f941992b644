import { KEY_TITLES, type KeyAlgorithm } from './certificate.ts'
import type { IssuancePhase } from './issuance.ts'
import type { OwnershipProof } from './ownership.ts'
import { renderTime } from './render-time.ts'

/**
 * The timeline of a hostname: what happened to it, when, and by whom. Most events are the difference
 * of two versions of its record (`timelineOf`), so none can be forgotten; the others, such as a
 * challenge that was fetched, are told by whoever saw them.
 */
export type TimelineEvent = TimelineFact & {
  hostnameId: string
  at: number
  /** Who did it: the name of an API token, or `SYSTEM`. */
  by: string
}

/** What happened, without whom, when and to whom. */
export type TimelineFact<Kind extends TimelineKind = TimelineKind> = {
  [Each in Kind]: { kind: Each; details: TimelineDetails[Each] }
}[Kind]

export type TimelineKind = keyof TimelineDetails

/** Custos itself, as an actor. No token has this name. */
export const SYSTEM = 'system'

/** What each kind of event carries. */
export interface TimelineDetails {
  'hostname.created': { hostname: string }
  /** Names of fields as the API has them. */
  'hostname.edited': { fields: readonly string[] }
  /** Somebody asked to look again now; the back-off started anew. */
  'hostname.validation_requested': NoDetails
  /** For the first time. */
  'hostname.published': NoDetails
  /** Every edge serves it, which none did before. */
  'hostname.deployed': NoDetails
  'hostname.removal_requested': NoDetails

  /** We looked and found no proof, for other reasons than before. */
  'ownership.not_verified': { problems: readonly string[] }
  'ownership.verified': { proof: OwnershipProof }
  /** It was proved and does not lead here any more; it is served all the same. */
  'ownership.left': { problems: readonly string[] }
  'ownership.returned': NoDetails
  'ownership.moved': { problems: readonly string[] }
  'ownership.deleted': NoDetails
  'ownership.blocked': { problem: string }
  /** The hold that blocked it was removed. */
  'ownership.released': { domain: string }
  /** From moved, deleted or blocked back to pending. */
  'ownership.revived': NoDetails

  'certificate.ordered': { keyAlgorithm: KeyAlgorithm; ca: string; isRenewal: boolean }
  /** The CA is away, or its limits do not allow it: nothing is done before `nextAt`. */
  'certificate.waiting': { keyAlgorithm: KeyAlgorithm; problem: string; nextAt: number }
  /** Our own look shows that the CA would refuse, for another reason than before. */
  'certificate.not_ready': { keyAlgorithm: KeyAlgorithm; problem: string }
  /** The CA was told to look. */
  'certificate.validating': { keyAlgorithm: KeyAlgorithm; ca: string }
  'certificate.validated': { keyAlgorithm: KeyAlgorithm; ca: string }
  'certificate.order_expired': { keyAlgorithm: KeyAlgorithm; ca: string }
  'certificate.failed': { keyAlgorithm: KeyAlgorithm; problem: string; retryAt: number }
  'certificate.timed_out': { keyAlgorithm: KeyAlgorithm; phase: IssuancePhase; problem: string }
  'certificate.issued': { keyAlgorithm: KeyAlgorithm; certificateId: string; expiresAt: number }
  'certificate.renewed': { keyAlgorithm: KeyAlgorithm; certificateId: string; expiresAt: number }
  /** One of the caller's own. */
  'certificate.uploaded': { keyAlgorithm: KeyAlgorithm; certificateId: string; expiresAt: number }
  'certificate.removed': { keyAlgorithm: KeyAlgorithm; certificateId: string }
  /** The customer's own: nobody else renews it. */
  'certificate.expiring': { keyAlgorithm: KeyAlgorithm; certificateId: string; expiresAt: number }
  'certificate.deployed': { keyAlgorithm: KeyAlgorithm; certificateId: string }

  /** `detail`: by whom, and with what. */
  'challenge.fetched': { detail: string }
  'handshake.first': { detail: string }
}

type NoDetails = Record<never, never>

/** One sentence for a person. */
export function messageOf<Kind extends TimelineKind>(fact: TimelineFact<Kind>): string {
  return SENTENCES[fact.kind](fact.details)
}

const SENTENCES: {
  readonly [Kind in TimelineKind]: (details: TimelineDetails[Kind]) => string
} = {
  'hostname.created': ({ hostname }) => `${hostname} was created.`,
  'hostname.edited': ({ fields }) => `Changed: ${fields.join(', ')}.`,
  'hostname.validation_requested': () => 'Asked to validate now.',
  'hostname.published': () => 'The edges were told of the hostname.',
  'hostname.deployed': () => 'Every edge serves the hostname.',
  'hostname.removal_requested': () => 'Asked to delete the hostname.',

  'ownership.not_verified': ({ problems }) => `Ownership is not proved yet: ${problems.join(' ')}`,
  'ownership.verified': ({ proof }) => `Ownership was proved by ${PROOFS[proof]}.`,
  'ownership.left': ({ problems }) =>
    `The hostname does not lead here any more: ${problems.join(' ')}`,
  'ownership.returned': () => 'The hostname leads here again.',
  'ownership.moved': ({ problems }) => `The hostname counts as moved: ${problems.join(' ')}`,
  'ownership.deleted': () => 'The hostname stayed moved for too long and was taken from the zone.',
  'ownership.blocked': ({ problem }) => `The hostname was blocked: ${problem}`,
  'ownership.released': ({ domain }) =>
    `${domain} is held no longer: an edit takes the hostname up again.`,
  'ownership.revived': () => 'The hostname was taken up again; its ownership must be proved anew.',

  'certificate.ordered': ({ keyAlgorithm, ca, isRenewal }) =>
    `${isRenewal ? 'Renewal of the' : 'A new'} ${KEY_TITLES[keyAlgorithm]} certificate was ordered from ${ca}.`,
  'certificate.waiting': ({ keyAlgorithm, problem }) =>
    `The ${KEY_TITLES[keyAlgorithm]} certificate has to wait: ${problem}`,
  'certificate.not_ready': ({ keyAlgorithm, problem }) =>
    `The CA could not validate the ${KEY_TITLES[keyAlgorithm]} certificate yet: ${problem}`,
  'certificate.validating': ({ keyAlgorithm, ca }) =>
    `${ca} was asked to validate the ${KEY_TITLES[keyAlgorithm]} certificate.`,
  'certificate.validated': ({ keyAlgorithm, ca }) =>
    `${ca} accepts the validation of the ${KEY_TITLES[keyAlgorithm]} certificate.`,
  'certificate.order_expired': ({ keyAlgorithm, ca }) =>
    `The order of the ${KEY_TITLES[keyAlgorithm]} certificate at ${ca} expired; another will be opened.`,
  'certificate.failed': ({ keyAlgorithm, problem, retryAt }) =>
    `The ${KEY_TITLES[keyAlgorithm]} certificate failed, next try at ${renderTime(retryAt)}: ${problem}`,
  'certificate.timed_out': ({ keyAlgorithm, phase, problem }) =>
    `The ${phase} of the ${KEY_TITLES[keyAlgorithm]} certificate timed out: ${problem}`,
  'certificate.issued': ({ keyAlgorithm, expiresAt }) =>
    `The ${KEY_TITLES[keyAlgorithm]} certificate was issued; it expires at ${renderTime(expiresAt)}.`,
  'certificate.renewed': ({ keyAlgorithm, expiresAt }) =>
    `The ${KEY_TITLES[keyAlgorithm]} certificate was renewed; it expires at ${renderTime(expiresAt)}.`,
  'certificate.uploaded': ({ keyAlgorithm, expiresAt }) =>
    `A certificate of the caller’s own was uploaded (${KEY_TITLES[keyAlgorithm]}); it expires at ${renderTime(expiresAt)}.`,
  'certificate.removed': ({ keyAlgorithm }) =>
    `The ${KEY_TITLES[keyAlgorithm]} certificate was taken off the hostname.`,
  'certificate.expiring': ({ keyAlgorithm, expiresAt }) =>
    `The uploaded ${KEY_TITLES[keyAlgorithm]} certificate expires at ${renderTime(expiresAt)}: upload another.`,
  'certificate.deployed': ({ keyAlgorithm }) =>
    `Every edge serves the ${KEY_TITLES[keyAlgorithm]} certificate.`,

  'challenge.fetched': ({ detail }) => `An edge answered a challenge: ${detail}.`,
  'handshake.first': ({ detail }) => `The first TLS handshake with a visitor succeeded: ${detail}.`,
}

/** For lists and documentation. */
// The keys of a literal are what its type says.
export const TIMELINE_KINDS = Object.keys(SENTENCES) as TimelineKind[]

const PROOFS = {
  cname: 'its CNAME',
  http: 'an HTTP answer',
  txt: 'a TXT record',
  address: 'its addresses',
} as const satisfies Record<OwnershipProof, string>
