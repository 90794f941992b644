import type { Certificate } from '#domain/certificate.ts'
import {
  createCustomHostname,
  withNextSerial,
  type CustomHostname,
} from '#domain/custom-hostname.ts'
import { uploadedChains } from '#domain/uploaded-chains.ts'
import type { Zone } from '#domain/zone.ts'
import {
  StoreError,
  type CreateOptions,
  type HostnameUpdate,
  type WriteOptions,
} from '#store/store.ts'

import type { ApiDependencies } from './api-dependencies.ts'
import { ApiError } from './api-error.ts'
import { csrGone, readUploads } from './custom-certificate-input.ts'
import {
  checkSniHasServer,
  toCustomOrigin,
  toHostname,
  type CreateInput,
} from './custom-hostname-input.ts'
import { checkCommonName, toSslConfig } from './ssl-input.ts'
import { zoneNotFound } from './zone-access.ts'

/** How long a create waits for the deletion of the same name, and how often it looks. */
const REMOVAL_WAIT_MS = 5_000
const REMOVAL_POLL_MS = 50

type Deps = Pick<
  ApiDependencies,
  'store' | 'clock' | 'random' | 'settings' | 'lifecycle' | 'uploads'
>

/** What is to be done for whom. */
export interface Asked<Input> {
  input: Input
  /** Name of the token. */
  by: string
}

/**
 * Stores a new hostname.
 *
 * A name whose deletion is still on its way to the edges is waited for a little: deleting and
 * creating again is what clients do to replace one.
 *
 * @throws {ApiError} whatever rule the input breaks
 */
export async function createHostname(
  deps: Deps,
  zone: Zone,
  { input, by }: Asked<CreateInput>,
): Promise<CustomHostname> {
  const { record, certificates } = await withUploads(deps, toRecord(deps, zone, input), input)
  const { clock } = deps
  const deadline = clock.now() + REMOVAL_WAIT_MS
  while (!(await tryCreate(deps, record, { by, certificates }))) {
    const holder = await findHolder(deps, record)
    if ((holder && !holder.removal) || clock.now() >= deadline) {
      throw new ApiError('hostname-duplicate', { pointer: '/hostname' })
    }
    deps.lifecycle.wake()
    await clock.sleep(REMOVAL_POLL_MS)
  }
  return record
}

function toRecord(deps: Deps, zone: Zone, input: CreateInput): CustomHostname {
  const { clock, random, settings } = deps
  const hostname = toHostname(input.hostname, settings)
  if (hostname === zone.name) {
    throw new ApiError('hostname-is-zone', { reason: hostname, pointer: '/hostname' })
  }
  const origin = toCustomOrigin(input, settings)
  checkSniHasServer(origin)
  const ssl = input.ssl ? toSslConfig(input.ssl, random.uuid()) : undefined
  checkCommonName(hostname, ssl)
  const identity = { id: random.uuid(), zoneId: zone.id, ownershipToken: random.uuid() }
  const customMetadata = input.custom_metadata ?? undefined
  const customOrigin = { customOriginServer: origin.server, customOriginSni: origin.sni }
  return createCustomHostname(
    { ...identity, ...customOrigin, hostname, ssl, customMetadata },
    clock.now(),
  )
}

/** The record with certificates of the caller's own, where the input brings any. */
async function withUploads(
  { uploads, clock }: Deps,
  record: CustomHostname,
  input: CreateInput,
): Promise<{ record: CustomHostname; certificates: readonly Certificate[] }> {
  const { id: hostnameId, zoneId, hostname, ssl, deployment } = record
  const target = ssl && { ...ssl, hostnameId, zoneId, hostname }
  const read = input.ssl && target && (await readUploads(uploads, input.ssl, target))
  if (!read) return { record, certificates: [] }
  const { certificates } = read
  const options = { serial: deployment.serial, now: clock.now() }
  return { record: { ...record, chains: uploadedChains(certificates, options) }, certificates }
}

/** @returns false where the zone has the name already */
async function tryCreate(
  { store }: Deps,
  record: CustomHostname,
  options: CreateOptions,
): Promise<boolean> {
  try {
    await store.hostnames.create(record, options)
    return true
  } catch (error) {
    if (!(error instanceof StoreError)) throw error
    if (error.kind === 'duplicate') return false
    if (error.kind === 'no-such-zone') throw zoneNotFound(record.zoneId)
    throw error.kind === 'no-such-csr' ? csrGone(error) : error
  }
}

/** The record that holds the name in this zone; one that is `deleted` has given it up. */
async function findHolder(
  { store }: Deps,
  { zoneId, hostname }: CustomHostname,
): Promise<CustomHostname | undefined> {
  const records = await store.hostnames.listByName(hostname)
  return records.find((one) => one.zoneId === zoneId && one.ownership.state !== 'deleted')
}

/** Marks a record for removal: gone from every edge first, then from the store. Idempotent. */
export async function requestRemoval(
  { store, clock }: Pick<Deps, 'store' | 'clock'>,
  id: string,
  options: WriteOptions = {},
): Promise<CustomHostname | undefined> {
  const requestedAt = clock.now()
  const change = (record: CustomHostname): HostnameUpdate | undefined => {
    if (record.removal) return undefined
    const next = withNextSerial(record)
    return { record: { ...next, removal: { requestedAt, serial: next.deployment.serial } } }
  }
  return store.hostnames.update(id, change, options)
}
