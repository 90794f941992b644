import { withApplied } from '#control/lifecycle/deployments.ts'
import type { WorkerStore } from '#control/lifecycle/hostname-worker.ts'
import type { Certificate, KeyAlgorithm } from '#domain/certificate.ts'
import { createCustomHostname, type CustomHostname } from '#domain/custom-hostname.ts'
import type { Hostname } from '#domain/hostname.ts'
import { advance } from '#domain/advance-issuance.ts'
import { advanceOwnership } from '#domain/ownership.ts'
import type { Zone } from '#domain/zone.ts'
import type { HostnameChange, HostnameUpdate } from '#store/store.ts'

const ZONE: Zone = {
  id: '0123456789abcdef0123456789abcdef',
  name: 'saas.com',
  createdAt: 0,
  fallbackOrigin: {
    origin: { scheme: 'http', host: 'origin.saas.com', port: 80 },
    createdAt: 0,
    updatedAt: 0,
    state: 'active',
  },
  cnameTarget: 'customers.saas.com',
  dcvDelegationUuid: '0123456789abcdef',
  settings: { alwaysUseHttps: false },
}

export interface Change {
  before: CustomHostname
  update: HostnameUpdate
}

/**
 * The hostnames and their certificates in memory, as the store keeps them. A record's id is its
 * number; what two writers do to one record they do one after the other, as in the store.
 */
export class Fleet implements WorkerStore {
  readonly #records: (CustomHostname | undefined)[] = []
  readonly #certificates = new Map<string, Certificate>()
  #count = 0
  readonly #onChange: (change: Change) => void

  readonly holds = { findCovering: async (): Promise<undefined> => {} }
  readonly zones = { find: async (): Promise<Zone> => ZONE }
  readonly hostnames = {
    find: async (id: string): Promise<CustomHostname | undefined> => this.#records[Number(id)],
    countAll: async (): Promise<number> => this.#count,
    listByName: async (): Promise<CustomHostname[]> => [],
    update: async (id: string, change: HostnameChange): Promise<CustomHostname | undefined> =>
      this.#update(Number(id), change),
  }

  constructor(onChange: (change: Change) => void) {
    this.#onChange = onChange
  }

  find(index: number): CustomHostname | undefined {
    return this.#records[index]
  }

  async findCertificate(id: string): Promise<Certificate | undefined> {
    return this.#certificates.get(id)
  }

  create(index: number, { hostname, now }: { hostname: Hostname; now: number }): void {
    const id = String(index)
    const ssl = {
      packId: id,
      method: 'http',
      type: 'dv',
      certificateAuthority: undefined,
      bundleMethod: 'ubiquitous',
      wildcard: false,
      branding: undefined,
      settings: {},
    } as const
    const input = { id, zoneId: ZONE.id, hostname, ownershipToken: id, ssl }
    this.#records[index] = createCustomHostname(input, now)
    this.#count++
  }

  /** Every edge has applied all that was published of it. */
  deploy(index: number, now: number): void {
    const record = this.#records[index]
    if (record && record.deployment.appliedSerial < record.deployment.serial) {
      this.#records[index] = withApplied(record, record.deployment.serial, now)
    }
  }

  /** Somebody asks for it to be looked at now, as the API's PATCH does. */
  refresh(index: number, now: number): void {
    const record = this.#records[index]
    if (!record) return
    this.#records[index] = {
      ...record,
      ownership: advanceOwnership(record.ownership, { type: 'restart' }, now),
      chains: record.chains.map((chain) => ({
        ...chain,
        issuance: advance(chain.issuance, { type: 'restart' }, now),
      })),
    }
  }

  #update(index: number, change: HostnameChange): CustomHostname | undefined {
    const before = this.#records[index]
    const update = before && change(before)
    if (!before || !update) return before
    for (const certificate of update.addCertificates ?? []) {
      this.#certificates.set(certificate.id, certificate)
    }
    for (const id of update.removeCertificates ?? []) this.#certificates.delete(id)
    this.#records[index] = update.record
    this.#onChange({ before, update })
    return update.record
  }
}

/** A chain as a number, for flat arrays. */
export function chainIndex(index: number, keyAlgorithm: KeyAlgorithm): number {
  return 2 * index + (keyAlgorithm === 'rsa' ? 1 : 0)
}
