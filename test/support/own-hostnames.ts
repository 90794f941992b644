import { randomUUID } from 'node:crypto'

import type Cloudflare from 'cloudflare'

import type { CustomHostname } from '#domain/custom-hostname.ts'

import { ZONE_ID, type ApiServer } from './api-server.ts'
import { aCertificate } from './records.ts'

type Hostname = Cloudflare.CustomHostnames.CustomHostname
/** The SDK's type lacks what the API returns beside it. */
export type Ssl = NonNullable<Hostname['ssl']> & { certificates?: { id: string }[] }
type SslInput = NonNullable<Cloudflare.CustomHostnames.CustomHostnameCreateParams['ssl']>

/** Hostnames with certificates of the caller's own, by way of the SDK, and what the store has of them. */
export interface OwnHostnames {
  create(hostname: string, ssl: SslInput): Promise<Ssl & { hostnameId: string }>
  edit(id: string, ssl: SslInput): Promise<Ssl>
  recordOf(id: string): Promise<CustomHostname>
  /** As if every edge had applied the newest publication. */
  deploy(id: string): Promise<CustomHostname>
  /** Ids of the certificates that are stored. */
  storedOf(id: string): Promise<string[]>
  /** As if the CA had signed the ECDSA chain. @returns the certificate's id */
  issueManaged(id: string): Promise<string>
}

export function ownHostnames(api: () => ApiServer): OwnHostnames {
  const zone = { zone_id: ZONE_ID }
  const recordOf = async (id: string): Promise<CustomHostname> => {
    const record = await api().store.hostnames.find(id)
    if (!record) throw new Error(`no record ${id}`)
    return record
  }
  return {
    recordOf,
    async create(hostname, ssl) {
      const created = await api().client.customHostnames.create({ ...zone, hostname, ssl })
      return { ...sslOf(created), hostnameId: created.id }
    },
    async edit(id, ssl) {
      return sslOf(await api().client.customHostnames.edit(id, { ...zone, ssl }))
    },
    async deploy(id) {
      await api().store.hostnames.update(id, (record) => ({ record: deployed(record) }))
      return recordOf(id)
    },
    async storedOf(id) {
      return (await api().store.certificates.listByHostname(id)).map((each) => each.id)
    },
    async issueManaged(hostnameId) {
      const made = aCertificate(await recordOf(hostnameId), 'ecdsa')
      const certificate = { ...made, id: randomUUID() }
      const { id, notBefore, notAfter } = certificate
      await api().store.hostnames.update(hostnameId, (record) => ({
        record: {
          ...record,
          chains: record.chains.map((chain) =>
            chain.keyAlgorithm === 'ecdsa'
              ? { ...chain, certificate: { id, notBefore, notAfter } }
              : chain,
          ),
        },
        addCertificates: [certificate],
      }))
      return id
    },
  }
}

export function sslOf({ ssl }: { ssl?: object | undefined }): Ssl {
  if (!ssl) throw new Error('there is no ssl')
  return ssl as Ssl
}

export function idsOf({ certificates = [] }: Ssl): string[] {
  return certificates.map(({ id }) => id)
}

function deployed(record: CustomHostname): CustomHostname {
  const { deployment } = record
  const chains = record.chains.map((chain) => {
    const { issuance } = chain
    if (issuance.state !== 'deploying') return chain
    const { certificateId } = issuance
    return { ...chain, issuance: { state: 'uploaded', certificateId } as const }
  })
  return { ...record, chains, deployment: { ...deployment, appliedSerial: deployment.serial } }
}
