import { KEY_TITLES } from '#domain/certificate.ts'
import type { CustomHostname } from '#domain/custom-hostname.ts'
import type { Issuance } from '#domain/issuance.ts'
import type { ManagedChain } from '#domain/managed-chain.ts'
import { renderTime } from '#domain/render-time.ts'

import type { Check, CheckStatus } from './diagnosis.ts'
import type { Facts } from './facts.ts'

/** What is between a proved name and its visitors: origin, certificates, edges. */

/** Undefined where the hostname has an origin of its own. */
export function judgeOrigin({ record, zone }: Facts): Check | undefined {
  if (record.customOriginServer !== undefined) return undefined
  const check = {
    name: 'fallback_origin',
    expected: 'an active fallback origin',
    seen: [],
  } as const
  if (zone.fallbackOrigin?.state === 'active') {
    return { ...check, status: 'ok', sentence: `Zone ${zone.name} has a fallback origin.` }
  }
  return {
    ...check,
    status: 'wrong',
    ...(zone.fallbackOrigin && { since: zone.fallbackOrigin.updatedAt }),
    sentence: `Zone does not have a fallback origin set. The operator must set one for zone ${zone.name}: until then nothing is looked at and nothing served.`,
  }
}

/** Undefined for a hostname without a certificate. */
export function judgeCertificate({ record, now }: Facts): Check | undefined {
  if (!record.ssl) return undefined
  const verdicts = record.chains.map((chain) => judgeChain(chain, now))
  const worst = WORST_FIRST.map((status) => verdicts.find((one) => one.status === status)).find(
    (one) => one !== undefined,
  )
  if (!worst) return undefined
  return {
    name: 'certificate',
    status: worst.status,
    expected: 'a valid certificate, renewed in time',
    seen: record.chains.flatMap((chain) => {
      const { certificate } = chain
      if (!certificate) return []
      return [{ server: nameOf(chain), answer: `valid until ${renderTime(certificate.notAfter)}` }]
    }),
    ...(worst.since !== undefined && { since: worst.since }),
    sentence: worst.sentence,
  }
}

const WORST_FIRST = ['wrong', 'waiting', 'unknown', 'ok'] as const

interface ChainVerdict {
  status: CheckStatus
  sentence: string
  since?: number
}

const DAY_MS = 86_400_000
/** Renewal begins long before: what is this near its end was tried for, in vain. */
const NEAR_END_MS = 7 * DAY_MS
/** The caller's own certificate is his to renew: tell in time to get another one. */
const UPLOAD_NEAR_END_MS = 30 * DAY_MS

function judgeChain(chain: ManagedChain, now: number): ChainVerdict {
  const { certificate, issuance } = chain
  const why = 'problem' in issuance && issuance.problem ? ` ${issuance.problem}` : ''
  if (certificate && certificate.notAfter <= now) {
    const sentence = `The ${nameOf(chain)} certificate expired on ${renderTime(certificate.notAfter)}.${why}`
    return { status: 'wrong', sentence, since: certificate.notAfter }
  }
  if (certificate && certificate.notAfter - now < nearEndOf(chain)) {
    const remedy =
      issuance.state === 'uploaded' ? 'Upload a new one.' : `It is not renewed yet.${why}`
    const sentence = `The ${nameOf(chain)} certificate expires on ${renderTime(certificate.notAfter)}. ${remedy}`
    return { status: 'wrong', sentence }
  }
  return judgeIssuance(chain, issuance)
}

/** A short life has less room: a tenth of it. */
function nearEndOf({ certificate, issuance }: ManagedChain): number {
  if (!certificate) return 0
  const longest = issuance.state === 'uploaded' ? UPLOAD_NEAR_END_MS : NEAR_END_MS
  return Math.min(longest, (certificate.notAfter - certificate.notBefore) / 10)
}

function judgeIssuance(chain: ManagedChain, issuance: Issuance): ChainVerdict {
  const what = `The ${nameOf(chain)} certificate`
  switch (issuance.state) {
    case 'scheduled':
      return {
        status: 'waiting',
        sentence: issuance.problem
          ? `${what} waits until ${renderTime(issuance.nextAt)}: ${issuance.problem}`
          : `${what} is about to be ordered.`,
      }
    case 'ordered':
      return {
        status: 'waiting',
        sentence: issuance.problem
          ? `The name is not proved to the CA yet; next look at ${renderTime(issuance.nextAt)}: ${issuance.problem}`
          : `${what} is ordered; the name is about to be proved to the CA.`,
        since: issuance.since,
      }
    case 'validating':
    case 'finalizing':
      return issuance.awaySince === undefined
        ? { status: 'waiting', sentence: `The CA is at work on it.`, since: issuance.since }
        : {
            status: 'waiting',
            sentence: `The CA does not answer, next try at ${renderTime(issuance.nextAt)}: nothing is to be done but to wait.${issuance.problem ? ` ${issuance.problem}` : ''}`,
            since: issuance.awaySince,
          }
    case 'deploying':
      return { status: 'waiting', sentence: `${what} is on its way to the edges.` }
    case 'timed_out':
      return {
        status: 'wrong',
        sentence: `${what} was given up: ${issuance.problem} When that is mended, ask again (an edit, or \`custos hostnames refresh\`).`,
        since: issuance.since,
      }
    case 'uploaded':
      return { status: 'ok', sentence: `The uploaded certificate is served${untilEnd(chain)}.` }
    case 'issued':
      return {
        status: 'ok',
        sentence: `Certificates are there${untilEnd(chain)} and renewed from ${renderTime(issuance.renewAt)} on.`,
      }
    default:
      return issuance satisfies never
  }
}

function untilEnd({ certificate }: ManagedChain): string {
  return certificate ? `, valid until ${renderTime(certificate.notAfter)},` : ''
}

function nameOf({ keyAlgorithm }: ManagedChain): string {
  return KEY_TITLES[keyAlgorithm]
}

/** Whether every edge has the newest; undefined before the name may be served. */
export function judgeDeployment({ record }: Facts): Check | undefined {
  const { ownership, deployment, hostname, removal } = record
  if (ownership.state !== 'verified' || removal) return undefined
  const check = { name: 'deployment', expected: 'every edge serves the newest settings', seen: [] }
  if (isDeployed(record)) {
    return {
      ...check,
      name: 'deployment',
      status: 'ok',
      sentence: `Every edge serves ${hostname}.`,
    }
  }
  const isFirst = deployment.appliedSerial < ownership.serial
  const sentence = isFirst
    ? `Not every edge serves ${hostname} yet: that takes a moment.`
    : `Every edge serves ${hostname}; the newest settings are on their way.`
  return { ...check, name: 'deployment', status: 'waiting', sentence }
}

export function isDeployed({ deployment }: CustomHostname): boolean {
  return deployment.appliedSerial >= deployment.serial
}
