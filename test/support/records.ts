import type { Certificate, KeyAlgorithm } from '#domain/certificate.ts'
import type { CustomCsr } from '#domain/custom-csr.ts'
import { createCustomHostname, type CustomHostname } from '#domain/custom-hostname.ts'
import { parseHostname } from '#domain/hostname.ts'
import type { Issuance } from '#domain/issuance.ts'
import type { Order } from '#domain/order.ts'
import type {
  TimelineDetails,
  TimelineEvent,
  TimelineFact,
  TimelineKind,
} from '#domain/timeline.ts'
import type { Zone } from '#domain/zone.ts'

/** A fixed instant for records: 2026-11-23T00:00:00Z. */
export const NOON = Date.UTC(2026, 10, 23)
const DAY = 86_400_000

let counted = 0

/** A new hostname as the API creates it, `app<n>.customer.com` in zone `z`, then changed. */
export function aHostname(change: Partial<CustomHostname> = {}, now = NOON): CustomHostname {
  const n = ++counted
  const created = createCustomHostname(
    {
      id: `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`,
      zoneId: aZone().id,
      hostname: parseHostname(`app${n}.customer.com`),
      ownershipToken: `11111111-0000-4000-8000-${String(n).padStart(12, '0')}`,
      ssl: {
        packId: `22222222-0000-4000-8000-${String(n).padStart(12, '0')}`,
        method: 'http',
        type: 'dv',
        certificateAuthority: undefined,
        bundleMethod: 'ubiquitous',
        wildcard: false,
        branding: undefined,
        settings: {},
      },
    },
    now,
  )
  return { ...created, ...change }
}

export function aZone(change: Partial<Zone> = {}): Zone {
  return {
    id: '0123456789abcdef0123456789abcdef',
    name: 'saas.com',
    createdAt: NOON,
    fallbackOrigin: {
      origin: { scheme: 'http', host: 'origin.saas.com', port: 80 },
      createdAt: NOON,
      updatedAt: NOON,
      state: 'active',
    },
    cnameTarget: 'customers.saas.com',
    dcvDelegationUuid: '0123456789abcdef',
    settings: { alwaysUseHttps: true },
    ...change,
  }
}

/** A stored certificate whose DER is made up: for what does not look inside. */
export function aCertificate(record: CustomHostname, keyAlgorithm: KeyAlgorithm): Certificate {
  return {
    id: `${keyAlgorithm}-of-${record.id}`,
    hostnameId: record.id,
    ca: 'local',
    keyAlgorithm,
    chain: {
      leaf: Buffer.from(`leaf ${keyAlgorithm}`),
      intermediates: [Buffer.from('intermediate')],
    },
    sealedKey: Buffer.from('sealed'),
    issuer: 'Test CA',
    serialNumber: '01',
    signature: keyAlgorithm === 'ecdsa' ? 'ECDSAWithSHA256' : 'SHA256WithRSA',
    fingerprintSha256: '00'.repeat(32),
    hosts: [record.hostname],
    notBefore: NOON,
    notAfter: NOON + 90 * DAY,
    createdAt: NOON,
  }
}

/** A request of the account, for an RSA key, whose bytes are made up. */
export function aCsr(change: Partial<CustomCsr> = {}): CustomCsr {
  const n = ++counted
  return {
    id: `33333333-0000-4000-8000-${String(n).padStart(12, '0')}`,
    zoneId: undefined,
    createdAt: NOON,
    keyAlgorithm: 'rsa',
    subject: {
      commonName: `app${n}.customer.com`,
      country: 'DE',
      state: 'Hessen',
      locality: 'Frankfurt',
      organization: 'Customer GmbH',
    },
    sans: [`app${n}.customer.com`],
    name: undefined,
    description: undefined,
    csr: Uint8Array.of(1),
    sealedKey: Uint8Array.of(2),
    ...change,
  }
}

export function anOrder(change: Partial<Order> = {}): Order {
  return {
    ca: 'local',
    url: 'order/1',
    expiresAt: NOON + 7 * DAY,
    challenges: [
      {
        type: 'http-01',
        identifier: 'app.customer.com',
        url: 'challenge/1',
        token: 'token',
        keyAuthorization: 'token.thumbprint',
      },
    ],
    ...change,
  }
}

/** The record with one chain in this state; the other stays as it is. */
export function withIssuance(
  record: CustomHostname,
  keyAlgorithm: KeyAlgorithm,
  issuance: Issuance,
): CustomHostname {
  const chains = record.chains.map((chain) =>
    chain.keyAlgorithm === keyAlgorithm ? { ...chain, issuance } : chain,
  )
  return { ...record, chains }
}

/** A hostname that is proved, certified and applied everywhere. */
export function anActiveHostname(change: Partial<CustomHostname> = {}): CustomHostname {
  const record = aHostname(change)
  const { serial } = record.deployment
  return {
    ...record,
    ownership: { state: 'verified', at: NOON, by: 'cname', serial },
    chains: record.chains.map((chain) => {
      const { id, notBefore, notAfter } = aCertificate(record, chain.keyAlgorithm)
      return {
        ...chain,
        certificate: { id, notBefore, notAfter },
        issuance: {
          state: 'issued',
          certificateId: id,
          renewAt: notAfter - 30 * DAY,
          nextAt: notAfter - 30 * DAY,
          failures: 0,
        },
      }
    }),
    deployment: { serial, published: { serial, changeId: '1' }, appliedSerial: serial },
    ...change,
  }
}

const CHAIN = { keyAlgorithm: 'ecdsa', ca: 'Test CA' } as const
const FAILED = { keyAlgorithm: 'ecdsa', problem: 'No answer.' } as const
const CERTIFIED = { keyAlgorithm: 'rsa', certificateId: 'c', expiresAt: NOON + DAY } as const

const DETAILS: TimelineDetails = {
  'hostname.created': { hostname: 'app.customer.com' },
  'hostname.edited': { fields: ['ssl.method', 'custom_metadata'] },
  'hostname.validation_requested': {},
  'hostname.published': {},
  'hostname.deployed': {},
  'hostname.removal_requested': {},
  'ownership.not_verified': { problems: ['No CNAME.', 'No TXT record.'] },
  'ownership.verified': { proof: 'cname' },
  'ownership.left': { problems: ['No CNAME.'] },
  'ownership.returned': {},
  'ownership.moved': { problems: ['Another zone has it.'] },
  'ownership.deleted': {},
  'ownership.blocked': { problem: 'Held.' },
  'ownership.released': { domain: 'customer.com' },
  'ownership.revived': {},
  'certificate.ordered': { ...CHAIN, isRenewal: false },
  'certificate.waiting': { ...FAILED, nextAt: NOON + DAY },
  'certificate.not_ready': FAILED,
  'certificate.validating': CHAIN,
  'certificate.validated': CHAIN,
  'certificate.order_expired': CHAIN,
  'certificate.failed': { ...FAILED, retryAt: NOON + DAY },
  'certificate.timed_out': { ...FAILED, phase: 'validation' },
  'certificate.issued': CERTIFIED,
  'certificate.renewed': CERTIFIED,
  'certificate.uploaded': CERTIFIED,
  'certificate.removed': { keyAlgorithm: 'rsa', certificateId: 'c' },
  'certificate.expiring': CERTIFIED,
  'certificate.deployed': { keyAlgorithm: 'rsa', certificateId: 'c' },
  'challenge.fetched': { detail: 'http-01 by 192.0.2.1, Test CA' },
  'handshake.first': { detail: 'ecdsa, TLSv1.3' },
}

/** An event of that kind, of nobody's hostname. */
export function anEventOf<Kind extends TimelineKind>(
  kind: Kind,
): TimelineFact<Kind> & Omit<TimelineEvent, 'kind' | 'details'> {
  return { hostnameId: 'nobody', at: NOON, by: 'system', kind, details: DETAILS[kind] }
}
