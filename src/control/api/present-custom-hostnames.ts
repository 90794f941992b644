import type { Certificate } from '#domain/certificate.ts'
import type { CustomHostname } from '#domain/custom-hostname.ts'
import type { Zone } from '#domain/zone.ts'

import type { ApiDependencies } from './api-dependencies.ts'
import type { RenderedHostname } from './custom-hostname-schema.ts'
import { renderCustomHostname } from './render-custom-hostname.ts'

/** Renders records of one zone; reads the certificates of all of them at once. */
export async function presentHostnames(
  deps: Pick<ApiDependencies, 'store' | 'clock' | 'settings'>,
  zone: Zone,
  records: readonly CustomHostname[],
): Promise<RenderedHostname[]> {
  const ids = records
    .filter(({ chains }) => chains.some((chain) => chain.certificate))
    .map((record) => record.id)
  const certificates = ids.length > 0 ? await deps.store.certificates.listByHostnames(ids) : []
  const byHostname = Map.groupBy(certificates, (certificate: Certificate) => certificate.hostnameId)
  const { dcvZone } = deps.settings
  const context = {
    now: deps.clock.now(),
    dcvDelegation: dcvZone === undefined ? undefined : `${zone.dcvDelegationUuid}.${dcvZone}`,
  }
  return records.map((record) =>
    renderCustomHostname(record, { ...context, certificates: byHostname.get(record.id) ?? [] }),
  )
}

export async function presentHostname(
  deps: Pick<ApiDependencies, 'store' | 'clock' | 'settings'>,
  zone: Zone,
  record: CustomHostname,
): Promise<RenderedHostname> {
  const { store, clock, settings } = deps
  const certificates = await store.certificates.listByHostname(record.id)
  const { dcvZone } = settings
  const dcvDelegation = dcvZone === undefined ? undefined : `${zone.dcvDelegationUuid}.${dcvZone}`
  return renderCustomHostname(record, { certificates, now: clock.now(), dcvDelegation })
}
