import type { Binding, BindingChain, BindingOrigin } from '#domain/binding.ts'
import type { Certificate } from '#domain/certificate.ts'
import { chainOf, type CustomHostname } from '#domain/custom-hostname.ts'
import type { Hostname } from '#domain/hostname.ts'
import { OPERATOR_ORIGINS, parseOrigin } from '#domain/origin.ts'
import { effectiveTlsSettings } from '#domain/tls-settings.ts'
import type { Zone } from '#domain/zone.ts'

/** What `renderBinding` makes a binding from: the facts of one moment. */
export interface BindingSource {
  record: CustomHostname
  zone: Zone
  /** The hostname's certificates; those that its chains do not name are left out. */
  certificates: readonly Certificate[]
}

const REQUEST_HOST_HEADER = ':request_host_header:'

/** All that the edges must know of a hostname, as the store has it now. */
export function renderBinding(source: BindingSource): Binding {
  const { record, zone } = source
  const origin = originOf(source)
  return {
    hostname: record.hostname,
    hostnameId: record.id,
    zoneId: record.zoneId,
    serial: record.deployment.serial,
    wildcard: record.ssl?.wildcard ?? false,
    missing: listMissing(source, origin),
    tls: effectiveTlsSettings(record.ssl?.settings ?? {}),
    chains: chainsOf(source),
    origin,
    alwaysUseHttps: zone.settings.alwaysUseHttps,
  }
}

/** In place of a hostname's id, in a binding that is a hold's. */
export const HOLD_ID = 'hold'

/**
 * What keeps edges from serving a held name by way of the wildcard above it. Any record's binding goes
 * before it.
 */
export function renderHold(hostname: Hostname): Binding {
  return {
    hostname,
    hostnameId: HOLD_ID,
    zoneId: '',
    serial: 0,
    wildcard: false,
    missing: [heldSentence(hostname)],
    tls: effectiveTlsSettings({}),
    chains: [],
    origin: undefined,
    alwaysUseHttps: false,
  }
}

/** The custom origin of the hostname, else the zone's fallback origin. */
function originOf({ record, zone }: BindingSource): BindingOrigin | undefined {
  const { customOriginServer, customOriginSni } = record
  if (customOriginServer === undefined) {
    const { fallbackOrigin } = zone
    if (fallbackOrigin?.state !== 'active') return undefined
    return { ...fallbackOrigin.origin, serverName: undefined }
  }
  const origin = parseOrigin(customOriginServer, OPERATOR_ORIGINS)
  if (customOriginSni === REQUEST_HOST_HEADER) return { ...origin, serverName: undefined }
  return { ...origin, serverName: customOriginSni ?? origin.host }
}

function chainsOf({ record, certificates }: BindingSource): BindingChain[] {
  return certificates
    .filter(({ id, keyAlgorithm }) => chainOf(record, keyAlgorithm)?.certificate?.id === id)
    .map((certificate) => ({
      certificateId: certificate.id,
      keyAlgorithm: certificate.keyAlgorithm,
      leaf: certificate.chain.leaf,
      intermediates: certificate.chain.intermediates,
      sealedKey: certificate.sealedKey,
      notAfter: certificate.notAfter,
    }))
}

/** Sentences for the owner of the name, in the order in which things are to be done. */
function listMissing(source: BindingSource, origin: BindingOrigin | undefined): string[] {
  const { record } = source
  const missing: string[] = []
  if (record.ownership.state !== 'verified') missing.push(ownershipSentence(record))
  if (record.ssl && chainsOf(source).length === 0) missing.push(certificateSentence(record))
  if (!origin) missing.push('The provider has not set an origin for this hostname yet.')
  return missing
}

function ownershipSentence({ ownership, hostname }: CustomHostname): string {
  switch (ownership.state) {
    case 'blocked':
      return heldSentence(hostname)
    case 'moved':
    case 'deleted':
      return `${hostname} was not verified in time. Please ask the provider to verify it again.`
    default:
      return `It is being verified that ${hostname} belongs to this application.`
  }
}

function heldSentence(hostname: Hostname): string {
  return `${hostname} is held back. Please contact the provider.`
}

function certificateSentence({ hostname, chains }: CustomHostname): string {
  const problems = chains.map(({ issuance }) =>
    'problem' in issuance ? issuance.problem : undefined,
  )
  const problem = problems.find((text) => text !== undefined)
  if (problem) return `The certificate for ${hostname} cannot be issued yet: ${problem}`
  return `The certificate for ${hostname} is being issued.`
}
