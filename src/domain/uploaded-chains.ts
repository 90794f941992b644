import { DEPLOYMENT_DEADLINE_MS } from './advance-issuance.ts'
import { KEY_ALGORITHMS, type Certificate } from './certificate.ts'
import { chainOf, newChains, type CustomHostname } from './custom-hostname.ts'
import { withNewIssuance, type ManagedChain } from './managed-chain.ts'

export interface UploadOptions {
  /** The publication that carries them to the edges. */
  serial: number
  now: number
}

/** Chains of certificates that are the caller's own: nothing is issued, they only go to the edges. */
export function uploadedChains(
  certificates: readonly Certificate[],
  { serial, now }: UploadOptions,
): ManagedChain[] {
  return inOrder(
    certificates.map(({ id, keyAlgorithm, notBefore, notAfter }) => ({
      keyAlgorithm,
      certificate: { id, notBefore, notAfter },
      issuance: {
        state: 'deploying',
        certificateId: id,
        serial,
        nextAt: now + DEPLOYMENT_DEADLINE_MS,
        failures: 0,
      },
    })),
  )
}

/** The record's chains with these in the place of those of their algorithms; others stay. */
export function withUploaded(
  record: CustomHostname,
  certificates: readonly Certificate[],
  options: UploadOptions,
): ManagedChain[] {
  const fresh = certificates.filter(({ id }) => !isSettled(record, id))
  const uploaded = uploadedChains(fresh, options)
  const replaced = new Set(uploaded.map(({ keyAlgorithm }) => keyAlgorithm))
  const kept = record.chains.filter(({ keyAlgorithm }) => !replaced.has(keyAlgorithm))
  return inOrder([...kept, ...uploaded])
}

/** Whether the edges have it, or are about to, as the caller's own. */
function isSettled({ chains }: CustomHostname, certificateId: string): boolean {
  return chains.some(
    ({ issuance }) =>
      (issuance.state === 'uploaded' || issuance.state === 'deploying') &&
      issuance.certificateId === certificateId,
  )
}

/**
 * From the caller's own certificates to managed ones: each is served until the one that takes its place
 * is signed, and an algorithm that had none gets its first.
 */
export function managedChains(record: CustomHostname, now: number): ManagedChain[] {
  return newChains(now).map((fresh) => {
    const own = chainOf(record, fresh.keyAlgorithm)
    return own ? withNewIssuance(own, now) : fresh
  })
}

function inOrder(chains: readonly ManagedChain[]): ManagedChain[] {
  return KEY_ALGORITHMS.flatMap((algorithm) =>
    chains.filter(({ keyAlgorithm }) => keyAlgorithm === algorithm),
  )
}
