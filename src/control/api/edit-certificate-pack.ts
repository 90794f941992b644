import type { Certificate, KeyAlgorithm } from '#domain/certificate.ts'
import { withNextSerial, type CustomHostname } from '#domain/custom-hostname.ts'
import type { ManagedChain } from '#domain/managed-chain.ts'
import { withUploaded } from '#domain/uploaded-chains.ts'
import type { HostnameUpdate } from '#store/store.ts'

import { ApiError } from './api-error.ts'
import { droppedCertificates } from './edit-custom-hostname.ts'

/** Where a certificate stands. */
export interface PackPlace {
  packId: string
  certificateId: string
}

/**
 * One certificate of a pack in the place of another of the same algorithm. Pure, as any edit; but it is
 * a change of the pack, not a request to validate: what revives a hostname that is moved, deleted or
 * blocked is PATCH (spec section 2.1).
 *
 * @throws {ApiError} where the pack does not allow it
 */
export function replaceCertificate(
  record: CustomHostname,
  { place, certificate, now }: { place: PackPlace; certificate: Certificate; now: number },
): HostnameUpdate {
  const { keyAlgorithm } = getOwnChain(record, place)
  checkAlgorithm(certificate, keyAlgorithm)
  const { serial } = withNextSerial(record, now).deployment
  const chains = withUploaded(record, [certificate], { serial, now })
  const isNew = chains.some(({ issuance }) => 'serial' in issuance && issuance.serial === serial)
  const next = { ...(isNew ? withNextSerial(record, now) : record), chains }
  return {
    record: next,
    addCertificates: [certificate],
    removeCertificates: droppedCertificates(record, next),
  }
}

/** Takes one of two certificates out of a pack. @throws {ApiError} where the pack does not allow it */
export function removeCertificate(
  record: CustomHostname,
  { place, now }: { place: PackPlace; now: number },
): HostnameUpdate {
  const removed = getOwnChain(record, place)
  const chains = record.chains.filter((chain) => chain !== removed)
  if (chains.length === 0) {
    throw notModifiable('the last certificate of a pack cannot be deleted')
  }
  const next = { ...withNextSerial(record, now), chains }
  return { record: next, removeCertificates: [place.certificateId] }
}

/** The chain that is there, with a certificate of the caller's own. @throws {ApiError} */
export function getOwnChain(
  record: CustomHostname,
  { packId, certificateId }: PackPlace,
): ManagedChain {
  const { ssl, removal, chains } = record
  const chain = chains.find(({ certificate }) => certificate?.id === certificateId)
  if (ssl?.packId !== packId || !chain) {
    const reason = `certificate_pack/${packId}/certificates/${certificateId}`
    throw new ApiError('route-not-found', { reason })
  }
  if (removal) throw notModifiable('it is being deleted')
  if (ssl.method !== undefined) throw notModifiable('its certificates are managed')
  return chain
}

function checkAlgorithm(certificate: Certificate, keyAlgorithm: KeyAlgorithm): void {
  if (certificate.keyAlgorithm === keyAlgorithm) return
  const [is, must] = [certificate.keyAlgorithm, keyAlgorithm].map((each) => each.toUpperCase())
  const reason = `custom_certificate must be ${must}, as the one that it replaces: received ${is}`
  throw new ApiError('ssl-invalid', { reason, pointer: '/custom_certificate' })
}

function notModifiable(reason: string): ApiError {
  return new ApiError('hostname-not-modifiable', { reason })
}
