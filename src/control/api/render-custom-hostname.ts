import { KEY_ALGORITHMS, type Certificate } from '#domain/certificate.ts'
import {
  chainOf,
  OWNERSHIP_PATH,
  type CustomHostname,
  type SslConfig,
} from '#domain/custom-hostname.ts'
import type { Issuance } from '#domain/issuance.ts'
import type { OrderChallenge } from '#domain/order.ts'
import type { Ownership } from '#domain/ownership.ts'
import { hostnameStatus, sslStatus } from '#domain/status.ts'
import type { TlsSettings } from '#domain/tls-settings.ts'
import { renderPem } from '#lib/pem.ts'

import { txtNameOf, txtValueOf } from '../ca/key-authorization.ts'
import type {
  RenderedCertificate,
  RenderedHostname,
  RenderedRecord,
  RenderedSsl,
} from './custom-hostname-schema.ts'

export interface RenderContext {
  /** Of the hostname, or of more: those that no chain refers to are not shown. */
  certificates: readonly Certificate[]
  now: number
  /** Where a delegated DCV record points, below the hostname: `<uuid>.<DCV zone>`. */
  dcvDelegation: string | undefined
}

/**
 * The outward form (spec section 1.6). A field that is not set is absent; ownership records go once
 * ownership is proved, validation records once the order is validated.
 */
export function renderCustomHostname(
  record: CustomHostname,
  context: RenderContext,
): RenderedHostname {
  const errors = ownershipErrors(record.ownership)
  return {
    id: record.id,
    hostname: record.hostname,
    ...(record.ssl && { ssl: renderSsl(record, record.ssl, context) }),
    status: hostnameStatus(record),
    ...(errors.length > 0 && { verification_errors: [...errors] }),
    ...(record.ownership.state !== 'verified' && renderOwnershipRecords(record)),
    ...(record.customMetadata && { custom_metadata: record.customMetadata }),
    ...(record.customOriginServer && { custom_origin_server: record.customOriginServer }),
    ...(record.customOriginSni && { custom_origin_sni: record.customOriginSni }),
    created_at: renderInstant(record.createdAt),
  }
}

/** RFC 3339, UTC, with milliseconds. */
export function renderInstant(at: number): string {
  return new Date(at).toISOString()
}

function ownershipErrors(ownership: Ownership): readonly string[] {
  if (ownership.state === 'blocked') return [ownership.reason]
  return 'errors' in ownership ? ownership.errors : []
}

function renderOwnershipRecords(
  record: CustomHostname,
): Pick<RenderedHostname, 'ownership_verification' | 'ownership_verification_http'> {
  const { id, hostname, ownershipToken } = record
  return {
    ownership_verification: {
      type: 'txt',
      name: `_cf-custom-hostname.${hostname}`,
      value: ownershipToken,
    },
    ownership_verification_http: {
      http_url: `http://${hostname}${OWNERSHIP_PATH}${id}`,
      http_body: ownershipToken,
    },
  }
}

function renderSsl(record: CustomHostname, ssl: SslConfig, context: RenderContext): RenderedSsl {
  const records = validationRecords(record, ssl)
  const errors = validationErrors(record)
  return {
    id: ssl.packId,
    type: ssl.type,
    ...(ssl.method && { method: ssl.method }),
    status: sslStatus(record, context.now) ?? 'initializing',
    settings: renderSettings(ssl.settings),
    bundle_method: ssl.bundleMethod,
    wildcard: ssl.wildcard,
    ...(ssl.certificateAuthority !== undefined && {
      certificate_authority: ssl.certificateAuthority,
    }),
    ...(ssl.branding !== undefined && { cloudflare_branding: ssl.branding }),
    ...(records.length > 0 && { validation_records: records }),
    ...flattenedCopy(records),
    ...(ssl.method &&
      context.dcvDelegation && {
        dcv_delegation_records: [delegationRecord(record, context.dcvDelegation)],
      }),
    ...(errors.length > 0 && { validation_errors: errors }),
    ...renderPack(packOf(record, context.certificates)),
    ...(!ssl.method && renderOwn(packOf(record, context.certificates))),
  }
}

/** Of the caller's own certificates: the chain as it is served, and where its key came from. */
function renderOwn([primary]: readonly Certificate[]): Partial<RenderedSsl> {
  if (!primary) return {}
  const { chain, csrId } = primary
  return {
    custom_certificate: [chain.leaf, ...chain.intermediates].map((der) => renderPem(der)).join(''),
    ...(csrId && { custom_csr_id: csrId }),
  }
}

function renderSettings({ ciphers, ...settings }: TlsSettings): RenderedSsl['settings'] {
  return { ...settings, ...(ciphers && { ciphers: [...ciphers] }) }
}

/**
 * What the customer, or our edges for him, must show for the orders that are not validated yet: the
 * records of the method that was chosen, each once.
 */
function validationRecords(record: CustomHostname, ssl: SslConfig): RenderedRecord[] {
  const type = ssl.method === 'txt' || ssl.wildcard ? 'dns-01' : 'http-01'
  const records = record.chains.flatMap(({ issuance }) => {
    if (issuance.state !== 'ordered' && issuance.state !== 'validating') return []
    const chosen = issuance.order.challenges.filter((challenge) => challenge.type === type)
    return chosen.map(renderChallenge)
  })
  const key = (one: RenderedRecord): string => `${one.http_url} ${one.txt_name} ${one.txt_value}`
  return [...new Map(records.map((one) => [key(one), one])).values()]
}

function renderChallenge(challenge: OrderChallenge): RenderedRecord {
  const { type, identifier, token, keyAuthorization } = challenge
  if (type === 'dns-01') {
    const record = { txt_name: txtNameOf(identifier), txt_value: txtValueOf(keyAuthorization) }
    return { status: 'pending', ...record }
  }
  const http_url = `http://${identifier}/.well-known/acme-challenge/${token}`
  return { status: 'pending', http_url, http_body: keyAuthorization }
}

/** Older clients read these beside the list; they exist when there is exactly one record. */
function flattenedCopy(records: readonly RenderedRecord[]): Omit<RenderedRecord, 'status'> {
  const [only] = records
  if (records.length !== 1 || !only) return {}
  const { status: _, ...copy } = only
  return copy
}

function delegationRecord(record: CustomHostname, delegation: string): RenderedRecord {
  return {
    cname: txtNameOf(record.hostname),
    cname_target: `${record.hostname}.${delegation}`,
  }
}

function validationErrors(record: CustomHostname): { message: string }[] {
  const problems = record.chains.map((chain) => problemOf(chain.issuance))
  const known = problems.filter((problem) => problem !== undefined)
  return [...new Set(known)].map((message) => ({ message }))
}

function problemOf(issuance: Issuance): string | undefined {
  return 'problem' in issuance ? issuance.problem : undefined
}

/** The certificates that the chains hold now, ECDSA first. */
function packOf(record: CustomHostname, certificates: readonly Certificate[]): Certificate[] {
  return KEY_ALGORITHMS.map((algorithm) => chainOf(record, algorithm)?.certificate?.id)
    .map((id) => certificates.find((certificate) => certificate.id === id))
    .filter((certificate) => certificate !== undefined)
}

function renderPack(pack: readonly Certificate[]): Partial<RenderedSsl> {
  const [primary] = pack
  if (!primary) return {}
  return {
    hosts: [...primary.hosts],
    issuer: primary.issuer,
    serial_number: decimal(primary.serialNumber),
    signature: primary.signature,
    uploaded_on: renderInstant(primary.createdAt),
    expires_on: renderInstant(primary.notAfter),
    certificates: pack.map(renderCertificate),
  }
}

function renderCertificate(certificate: Certificate): RenderedCertificate {
  return {
    id: certificate.id,
    issuer: certificate.issuer,
    serial_number: decimal(certificate.serialNumber),
    signature: certificate.signature,
    expires_on: renderInstant(certificate.notAfter),
    issued_on: renderInstant(certificate.notBefore),
    fingerprint_sha256: certificate.fingerprintSha256,
  }
}

/** The specification writes serial numbers in decimal; inside they are hexadecimal. */
function decimal(serialNumber: string): string {
  return BigInt(`0x${serialNumber}`).toString()
}
