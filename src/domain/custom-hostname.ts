import { TLS_ALPN_PATH } from './binding.ts'
import type { KeyAlgorithm } from './certificate.ts'
import { KEY_ALGORITHMS } from './certificate.ts'
import type { Hostname } from './hostname.ts'
import { issuanceDueAt, isUnvalidated, newIssuance, type Issuance } from './issuance.ts'
import type { ManagedChain } from './managed-chain.ts'
import {
  isUnproved,
  newOwnership,
  ownLookDueAt,
  ownLookProblems,
  type Ownership,
} from './ownership.ts'
import type { TlsSettings } from './tls-settings.ts'

/** A customer's hostname in a zone: what was asked for and how far it is. */
export interface CustomHostname {
  /** UUID. */
  id: string
  zoneId: string
  hostname: Hostname
  createdAt: number
  customMetadata: JsonObject | undefined
  /** As the caller wrote it; an origin (see origin.ts). */
  customOriginServer: string | undefined
  /** A name, or `:request_host_header:`. */
  customOriginSni: string | undefined
  ownership: Ownership
  /** UUID: the value of the TXT record and the body of the HTTP answer. */
  ownershipToken: string
  /** Undefined: a hostname without a certificate. */
  ssl: SslConfig | undefined
  /** One a key algorithm while `ssl` is set. */
  chains: readonly ManagedChain[]
  deployment: Deployment
  removal: Removal | undefined
}

export type JsonValue =
  | string
  | number
  | boolean
  | null
  | JsonValue[]
  | { [key: string]: JsonValue }
export type JsonObject = { [key: string]: JsonValue }

export interface SslConfig {
  /** UUID of the certificate pack; stays while `ssl` stays. */
  packId: string
  /** How the name is proved to the CA; undefined: the certificates are the caller's own. */
  method: 'http' | 'txt' | undefined
  type: 'dv'
  /** As the caller asked; undefined: the default CA. */
  certificateAuthority: string | undefined
  bundleMethod: 'ubiquitous' | 'optimal' | 'force'
  wildcard: boolean
  branding: boolean | undefined
  settings: TlsSettings
}

/** How far the edges are. `serial` grows with each fact that they must know. */
export interface Deployment {
  serial: number
  /** The newest publication that reached the directory. */
  published: { serial: number; changeId: string } | undefined
  /** The newest publication that every live edge has applied; 0 for none. */
  appliedSerial: number
}

/** DELETE was accepted: gone from every edge first, then from the store. */
export interface Removal {
  requestedAt: number
  /** The publication that removes the name. */
  serial: number
}

export interface NewCustomHostname {
  id: string
  zoneId: string
  hostname: Hostname
  ownershipToken: string
  ssl: SslConfig | undefined
  customMetadata?: JsonObject | undefined
  customOriginServer?: string | undefined
  customOriginSni?: string | undefined
}

export function createCustomHostname(input: NewCustomHostname, now: number): CustomHostname {
  return {
    id: input.id,
    zoneId: input.zoneId,
    hostname: input.hostname,
    createdAt: now,
    customMetadata: input.customMetadata,
    customOriginServer: input.customOriginServer,
    customOriginSni: input.customOriginSni,
    ownership: newOwnership(now),
    ownershipToken: input.ownershipToken,
    ssl: input.ssl,
    chains: input.ssl ? newChains(now) : [],
    deployment: { serial: now, published: undefined, appliedSerial: 0 },
    removal: undefined,
  }
}

export function newChains(now: number): ManagedChain[] {
  return KEY_ALGORITHMS.map((keyAlgorithm) => ({
    keyAlgorithm,
    certificate: undefined,
    issuance: newIssuance(now),
  }))
}

export function chainOf(
  record: CustomHostname,
  keyAlgorithm: KeyAlgorithm,
): ManagedChain | undefined {
  return record.chains.find((chain) => chain.keyAlgorithm === keyAlgorithm)
}

/**
 * A copy whose next publication carries what changed. Serials follow the clock, so that those of two
 * records of one name (in two zones) compare by which changed last.
 *
 * @param now given where the record may take the name over from another one
 */
export function withNextSerial(record: CustomHostname, now = 0): CustomHostname {
  const { deployment } = record
  return { ...record, deployment: { ...deployment, serial: Math.max(deployment.serial + 1, now) } }
}

/**
 * Of the records of one name, the one that the edges serve: the one proved last, else the oldest
 * that may still be proved. So nobody takes a served name over, or even disturbs it, by merely
 * creating it in another zone.
 */
export function servingOf(records: readonly CustomHostname[]): CustomHostname | undefined {
  return records
    .filter(({ removal }) => !removal)
    .sort((a, b) => rankOf(b) - rankOf(a) || a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1))[0]
}

function rankOf({ ownership }: CustomHostname): number {
  if (ownership.state === 'verified') return ownership.at
  return ownership.state === 'pending' ? -1 : -2
}

/**
 * When the lifecycle loop must look at the record next; undefined where nothing is to be done until
 * somebody acts. Ownership and issuance go on side by side: the order is opened at once, so that the
 * caller sees the validation records in the first reply.
 */
export function dueAt(record: CustomHostname): number | undefined {
  if (record.removal) return undefined
  const { ownership } = record
  switch (ownership.state) {
    case 'moved':
      return ownership.nextAt
    case 'deleted':
    case 'blocked':
      return undefined
    case 'pending':
      return earliest([ownership.nextAt, ...issuanceTimes(record)])
    case 'verified':
      return earliest([ownLookDueAt(record), ...issuanceTimes(record)])
    default:
      return ownership satisfies never
  }
}

/**
 * Whether our last look at the customer's side found that it is not ready. Such records wait for their
 * customers, by the thousand and behind servers that do not answer: what is new, or to be renewed,
 * must not stand in line behind them.
 */
export function isLookedAtAgain(record: CustomHostname): boolean {
  const { ownership, chains } = record
  if (ownership.state === 'pending' && isUnproved(ownership)) return true
  if (ownLookProblems(record).length > 0) return true
  return chains.some(({ issuance }) => issuance.state !== 'timed_out' && isUnvalidated(issuance))
}

/** Whether there is anything to do for the record now. */
export function isDue(record: CustomHostname, now: number): boolean {
  return (dueAt(record) ?? Infinity) <= now
}

/**
 * When to act on one chain. Of two chains the first proves the name and the CA lets the second use
 * that: the RSA chain is not due while the ECDSA chain is on its way through validation. (Boulder would
 * also give the same open order to both.) One that is to be renewed does not wait for an order that is
 * not even opened: its own end may be nearer. Nor does one that is missing wait until it is the turn of one
 * that is to be renewed. And where the CA wants TXT records for each of them, the
 * customer is to see all at once.
 */
export function chainDueAt(record: CustomHostname, chain: ManagedChain): number | undefined {
  const { issuance, keyAlgorithm, certificate } = chain
  const sibling = keyAlgorithm === 'rsa' ? chainOf(record, 'ecdsa')?.issuance : undefined
  if (!sibling) return issuanceDueAt(issuance)
  const isFirst = issuance.state === 'scheduled' && certificate === undefined
  const isRenewal = issuance.state === 'issued' || issuance.state === 'scheduled'
  const isWaiting = isFirst ? isBeingProved(sibling) : isRenewal && isBeingValidated(sibling)
  return isWaiting && !goesBeside(chain, { sibling, record }) ? undefined : issuanceDueAt(issuance)
}

function goesBeside(
  { issuance }: ManagedChain,
  { sibling, record }: { sibling: Issuance; record: CustomHostname },
): boolean {
  if (issuance.state === 'scheduled' && issuance.afterSibling) return false
  const isProvedAlone = isBeingValidated(sibling) && sibling.order.provedAlone === true
  return isProvedAlone && record.ssl?.method === 'txt'
}

function isBeingProved(issuance: Issuance): boolean {
  switch (issuance.state) {
    case 'scheduled':
      return issuance.failures === 0 && issuance.turn === undefined
    case 'ordered':
    case 'validating':
      return true
    case 'timed_out':
      return issuance.phase === 'validation'
    default:
      return false
  }
}

function isBeingValidated(
  issuance: Issuance,
): issuance is Extract<Issuance, { state: 'ordered' | 'validating' }> {
  return issuance.state === 'ordered' || issuance.state === 'validating'
}

function issuanceTimes(record: CustomHostname): (number | undefined)[] {
  return record.chains.map((chain) => chainDueAt(record, chain))
}

function earliest(times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined)
  return known.length > 0 ? Math.min(...known) : undefined
}

/** Whether the edges are to serve it, apart from having an origin. */
export function isServable(record: CustomHostname): boolean {
  return !record.removal && record.ownership.state === 'verified'
}

/** Whether the edges are to serve the names one label below it too. */
export function isServableWildcard(record: CustomHostname): boolean {
  return isServable(record) && record.ssl?.wildcard === true
}

/**
 * The answers that the edges must give for it now, each path once: a name has one tls-alpn-01 answer
 * at a time. Where both chains want one, it is that of the chain that is looked at, so that no
 * validation under way is disturbed; the other one's turn comes after.
 */
export function wantedAnswers(
  record: CustomHostname,
): { path: string; body: string; expiresAt: number }[] {
  const answers = record.chains
    .toSorted((a, b) => orderRankOf(a.issuance) - orderRankOf(b.issuance))
    .flatMap(({ issuance }) => {
      if (!('order' in issuance)) return []
      const { challenges, expiresAt } = issuance.order
      return challenges.flatMap(({ type, token, keyAuthorization: body }) => {
        if (type === 'tls-alpn-01') return [{ path: TLS_ALPN_PATH, body, expiresAt }]
        const path = `/.well-known/acme-challenge/${token}`
        return type === 'http-01' ? [{ path, body, expiresAt }] : []
      })
    })
  return answers.filter(({ path }, at) => at === answers.findIndex((one) => one.path === path))
}

/** Among those with an order; the chain that the CA looks at goes first. */
function orderRankOf({ state }: Issuance): number {
  return ['validating', 'ordered', 'finalizing'].indexOf(state)
}

export const OWNERSHIP_PATH = '/.well-known/cf-custom-hostname-challenge/'
