import type { Certificate } from '#domain/certificate.ts'
import type { CustomHostname } from '#domain/custom-hostname.ts'
import type { Zone } from '#domain/zone.ts'

import type { ApiDependencies } from './api-dependencies.ts'
import type { RenderedHostname } from './custom-hostname-schema.ts'
import { renderCustomHostname, type RenderContext } from './render-custom-hostname.ts'

type Deps = Pick<ApiDependencies, 'store' | 'clock' | 'settings'>

/** Renders records of one zone; reads the certificates of all of them at once. */
export async function presentHostnames(
  deps: Deps,
  zone: Zone,
  records: readonly CustomHostname[],
): Promise<RenderedHostname[]> {
  const ids = records
    .filter(({ chains }) => chains.some((chain) => chain.certificate))
    .map((record) => record.id)
  const certificates = ids.length > 0 ? await deps.store.certificates.listByHostnames(ids) : []
  const byHostname = Map.groupBy(certificates, (certificate: Certificate) => certificate.hostnameId)
  const context = contextOf(deps, zone)
  return records.map((record) =>
    renderCustomHostname(record, { ...context, certificates: byHostname.get(record.id) ?? [] }),
  )
}

export async function presentHostname(
  deps: Deps,
  zone: Zone,
  record: CustomHostname,
): Promise<RenderedHostname> {
  const certificates = await deps.store.certificates.listByHostname(record.id)
  return renderCustomHostname(record, { ...contextOf(deps, zone), certificates })
}

function contextOf(
  { clock, settings: { dcvZone } }: Deps,
  { dcvDelegationUuid }: Zone,
): Omit<RenderContext, 'certificates'> {
  const dcvDelegation = dcvZone === undefined ? undefined : `${dcvDelegationUuid}.${dcvZone}`
  return { now: clock.now(), dcvDelegation }
}
