import { advance } from '#domain/advance-issuance.ts'
import {
  newChains,
  withNextSerial,
  type CustomHostname,
  type JsonObject,
  type SslConfig,
} from '#domain/custom-hostname.ts'
import { withNewIssuance, type ManagedChain } from '#domain/managed-chain.ts'
import { advanceOwnership } from '#domain/ownership.ts'
import { managedChains, uploadedChains, withUploaded } from '#domain/uploaded-chains.ts'
import type { HostnameUpdate } from '#store/store.ts'

import { ApiError } from './api-error.ts'
import type { ReadUploads } from './custom-certificate-input.ts'
import { checkSniHasServer, type CustomOrigin } from './custom-hostname-input.ts'
import { checkCommonName, isSameSettings } from './ssl-input.ts'

/** An edit after validation. A field that the caller did not send is absent. */
export interface HostnameEdit {
  /** As it must be already: the name cannot be changed. */
  hostname?: string
  /** Undefined clears. */
  customMetadata?: { value: JsonObject | undefined }
  customOriginServer?: { value: string | undefined }
  customOriginSni?: { value: string | undefined }
  /**
   * Undefined removes the certificate. Its `packId` counts only where there is no pack yet. Certificates
   * go with a configuration whose `method` is undefined.
   */
  ssl?: { value: SslConfig | undefined; uploads?: ReadUploads | undefined }
}

/**
 * What an edit makes of a record (spec section 1.5). Pure, so that the store may run it again.
 *
 * - Other names or another CA mean new certificates; the present ones are served meanwhile.
 * - An empty edit, and one with `ssl` (equal or not), also asks to validate now: the back-off starts
 *   anew. An edit of anything else leaves a pending validation its pace.
 * - Any edit revives a hostname that is moved, deleted or blocked.
 * - From managed certificates to the caller's own and back: what is served stays until what takes its
 *   place is there, and both go out in one publication.
 * - What the edges must know raises the serial, once.
 *
 * @throws {ApiError} where the record does not allow the edit
 */
export function editCustomHostname(
  record: CustomHostname,
  edit: HostnameEdit,
  now: number,
): HostnameUpdate {
  checkEditable(record, edit)
  const edited = withSsl(withFields(record, edit), edit, now)
  const restarted = mustRestart(record, edit) ? restart(edited, now) : edited
  const next = isNewToEdges(record, restarted) ? withNextSerial(restarted, now) : restarted
  const addCertificates = edit.ssl?.uploads?.certificates ?? []
  return { record: next, addCertificates, removeCertificates: droppedCertificates(record, next) }
}

function checkEditable(record: CustomHostname, edit: HostnameEdit): void {
  if (record.removal) {
    throw new ApiError('hostname-not-modifiable', { reason: 'it is being deleted' })
  }
  if (edit.hostname !== undefined && edit.hostname !== record.hostname) {
    const reason = `the hostname is ${record.hostname} and stays so`
    throw new ApiError('hostname-not-modifiable', { reason, pointer: '/hostname' })
  }
}

function withFields(record: CustomHostname, edit: HostnameEdit): CustomHostname {
  const { customMetadata } = edit
  const origin = nextOrigin(record, edit)
  checkSniHasServer(origin)
  return {
    ...record,
    customMetadata: customMetadata ? customMetadata.value : record.customMetadata,
    customOriginServer: origin.server,
    customOriginSni: origin.sni,
  }
}

/** A server name goes with the origin it was for. */
function nextOrigin(
  record: CustomHostname,
  edit: Pick<HostnameEdit, 'customOriginServer' | 'customOriginSni'>,
): CustomOrigin {
  const { customOriginServer, customOriginSni } = edit
  const server = customOriginServer ? customOriginServer.value : record.customOriginServer
  const isCleared = customOriginServer !== undefined && server === undefined
  const keptSni = isCleared ? undefined : record.customOriginSni
  return { server, sni: customOriginSni ? customOriginSni.value : keptSni }
}

function withSsl(record: CustomHostname, edit: HostnameEdit, now: number): CustomHostname {
  if (!edit.ssl) return record
  const wanted = edit.ssl.value
  if (!wanted) return { ...record, ssl: undefined, chains: [] }
  checkCommonName(record.hostname, wanted)
  const ssl = { ...wanted, packId: record.ssl?.packId ?? wanted.packId }
  return { ...record, ssl, chains: chainsFor(record, { ...edit.ssl, value: ssl }, now) }
}

function chainsFor(
  record: CustomHostname,
  { value, uploads }: { value: SslConfig; uploads?: ReadUploads | undefined },
  now: number,
): readonly ManagedChain[] {
  const { ssl, chains } = record
  if (uploads) {
    const options = { serial: withNextSerial(record, now).deployment.serial, now }
    const isOwn = ssl !== undefined && ssl.method === undefined
    if (!isOwn) return uploadedChains(uploads.certificates, options)
    // Only one of a bundle leaves the other in place, and only where that covers the same names.
    const keepsOthers = uploads.isBundle && ssl.wildcard === value.wildcard
    const base = keepsOthers ? record : withAlgorithmsOf(record, uploads)
    return withUploaded(base, uploads.certificates, options)
  }
  if (!ssl) return newChains(now)
  if (ssl.method === undefined) return managedChains(record, now)
  return needsNewCertificates(ssl, value)
    ? chains.map((chain) => withNewIssuance(chain, now))
    : chains
}

/** Other names, or another CA: what was issued, and what is being issued, is not what is wanted. */
function needsNewCertificates(before: SslConfig, after: SslConfig): boolean {
  return (
    before.wildcard !== after.wildcard ||
    (before.certificateAuthority ?? '') !== (after.certificateAuthority ?? '')
  )
}

function withAlgorithmsOf(record: CustomHostname, { certificates }: ReadUploads): CustomHostname {
  const algorithms = certificates.map(({ keyAlgorithm }) => keyAlgorithm)
  const chains = record.chains.filter(({ keyAlgorithm }) => algorithms.includes(keyAlgorithm))
  return { ...record, chains }
}

function mustRestart(record: CustomHostname, edit: HostnameEdit): boolean {
  const { state } = record.ownership
  if (state !== 'pending' && state !== 'verified') return true
  return edit.ssl !== undefined || isEmpty(edit)
}

function isEmpty({ customMetadata, customOriginServer, customOriginSni }: HostnameEdit): boolean {
  return !customMetadata && !customOriginServer && !customOriginSni
}

function restart(record: CustomHostname, now: number): CustomHostname {
  return {
    ...record,
    ownership: advanceOwnership(record.ownership, { type: 'restart' }, now),
    chains: record.chains.map((chain) => ({
      ...chain,
      issuance: advance(chain.issuance, { type: 'restart' }, now),
    })),
  }
}

function isNewToEdges(before: CustomHostname, after: CustomHostname): boolean {
  return (
    before.customOriginServer !== after.customOriginServer ||
    before.customOriginSni !== after.customOriginSni ||
    before.ownership.state !== after.ownership.state ||
    isNewTls(before.ssl, after.ssl) ||
    hasOtherCertificates(before, after)
  )
}

function hasOtherCertificates(before: CustomHostname, after: CustomHostname): boolean {
  const { serial } = before.deployment
  return (
    droppedCertificates(before, after).length > 0 ||
    after.chains.some(({ issuance }) => issuance.state === 'deploying' && issuance.serial > serial)
  )
}

function isNewTls(before: SslConfig | undefined, after: SslConfig | undefined): boolean {
  if (!before || !after) return before !== after
  return before.wildcard !== after.wildcard || !isSameSettings(before.settings, after.settings)
}

/** Their keys are destroyed as soon as the record does not name them any more. */
export function droppedCertificates(before: CustomHostname, after: CustomHostname): string[] {
  const kept = after.chains.map(({ certificate }) => certificate?.id)
  return before.chains.flatMap(({ certificate }) =>
    certificate && !kept.includes(certificate.id) ? [certificate.id] : [],
  )
}
