import { createCustomHostname, type CustomHostname } from '#domain/custom-hostname.ts'
import { parseHostname } from '#domain/hostname.ts'
import type { Issuance } from '#domain/issuance.ts'
import type { ManagedChain } from '#domain/managed-chain.ts'
import type { OrderChallenge } from '#domain/order.ts'
import type { Ownership } from '#domain/ownership.ts'

import { aCertificate, anOrder, NOON } from './records.ts'

/** One hostname of which everything is known, and what it is made of in each state. */
export const ID = '6a1c2f4e-0000-4000-8000-000000000001'
export const PACK = '6a1c2f4e-0000-4000-8000-000000000002'
export const TOKEN = '6a1c2f4e-0000-4000-8000-000000000003'
export const HOST = 'app.customer.com'
export const DAY = 86_400_000

type Ssl = NonNullable<CustomHostname['ssl']>

export function aRecord(ssl: Partial<Ssl> | undefined = {}): CustomHostname {
  const config: Ssl = {
    packId: PACK,
    method: 'http',
    type: 'dv',
    certificateAuthority: undefined,
    bundleMethod: 'ubiquitous',
    wildcard: false,
    branding: undefined,
    settings: {},
  }
  const identity = { id: ID, zoneId: 'z', hostname: parseHostname(HOST), ownershipToken: TOKEN }
  return createCustomHostname({ ...identity, ssl: { ...config, ...ssl } }, NOON)
}

export function withoutSsl(record: CustomHostname): CustomHostname {
  return { ...record, ssl: undefined, chains: [] }
}

export const proof = (
  type: OrderChallenge['type'],
  token: string,
  wildcard?: true,
): OrderChallenge => ({
  type,
  identifier: HOST,
  ...(wildcard && { wildcard }),
  url: `challenge/${token}`,
  token,
  keyAuthorization: `${token}.thumb`,
})

export const opened = (...challenges: OrderChallenge[]) => ({
  order: anOrder({ challenges }),
  since: NOON,
  nextAt: NOON,
  failures: 0,
})
export const ordered = (...challenges: OrderChallenge[]): Issuance => ({
  ...opened(...challenges),
  state: 'ordered',
  attempts: 0,
})

export function withChains(
  record: CustomHostname,
  ...chains: Partial<ManagedChain>[]
): CustomHostname {
  return { ...record, chains: record.chains.map((chain, at) => ({ ...chain, ...chains[at] })) }
}

export function deploying(certificateId: string, nextAt: number): Issuance {
  const renewAt = NOON + 60 * DAY
  return { state: 'deploying', certificateId, serial: NOON, renewAt, nextAt, failures: 0 }
}

/** Both certificates are there; `issuance` says how far they are. */
export function certified(
  record: CustomHostname,
  issuance: (certificateId: string) => Issuance,
): CustomHostname {
  return {
    ...record,
    chains: record.chains.map((chain) => {
      const { id, notBefore, notAfter } = aCertificate(record, chain.keyAlgorithm)
      return { ...chain, certificate: { id, notBefore, notAfter }, issuance: issuance(id) }
    }),
  }
}

export const issued = (certificateId: string): Issuance => {
  const renewAt = NOON + 60 * DAY
  return { state: 'issued', certificateId, renewAt, nextAt: renewAt, failures: 0 }
}

export const VERIFIED: Ownership = { state: 'verified', at: NOON, by: 'cname', serial: NOON }

/** Proved, and every edge has applied the newest publication. */
export function deployed(record: CustomHostname): CustomHostname {
  const { serial } = record.deployment
  const deployment = { serial, published: { serial, changeId: '1' }, appliedSerial: serial }
  return { ...record, ownership: VERIFIED, deployment }
}
