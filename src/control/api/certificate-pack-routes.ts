import { z } from 'zod'

import { FAILURE_SCHEMA, success, successSchema } from './envelope.ts'
import type { ApiDependencies } from './api-dependencies.ts'
import type { ApiInstance } from './api-instance.ts'
import { applyChange } from './apply-change.ts'
import { readCertificate, REPLACEMENT_INPUT } from './custom-certificate-input.ts'
import { CUSTOM_HOSTNAME } from './custom-hostname-schema.ts'
import {
  getOwnChain,
  removeCertificate,
  replaceCertificate,
  type PackPlace,
} from './edit-certificate-pack.ts'
import { presentHostname } from './present-custom-hostnames.ts'
import { getHostname, getZone, HOSTNAME_PARAMS } from './zone-access.ts'

const PATH =
  '/zones/:zone_id/custom_hostnames/:custom_hostname_id/certificate_pack/:certificate_pack_id/certificates/:certificate_id'
const PARAMS = z.object({
  ...HOSTNAME_PARAMS.shape,
  certificate_pack_id: z.guid(),
  certificate_id: z.guid(),
})
const COMMON = { tags: ['Custom hostnames'], params: PARAMS }
const FAILURE = { '4xx': FAILURE_SCHEMA }

/** Single certificates of a pack of the caller's own (spec section 1.2, rows 10 and 11). */
export function certificatePackRoutes(app: ApiInstance, deps: ApiDependencies): void {
  replaceRoute(app, deps)
  deleteRoute(app, deps)
}

function replaceRoute(app: ApiInstance, deps: ApiDependencies): void {
  const schema = {
    ...COMMON,
    operationId: 'replaceCertificate',
    summary: 'Replace one certificate of a pack of your own',
    description:
      'By one with the same key algorithm. The old one is served until every edge has it. A hostname that is moved, deleted or blocked stays so: PATCH revives it.',
    body: REPLACEMENT_INPUT,
    response: { 202: successSchema(CUSTOM_HOSTNAME), ...FAILURE },
  }
  app.put(PATH, { schema }, async ({ params, body, principal }, reply) => {
    const zone = await getZone(deps.store, params.zone_id)
    const record = await getHostname(deps.store, zone, params.custom_hostname_id)
    const place = placeOf(params)
    getOwnChain(record, place)
    const { id, hostname, zoneId } = record
    const { wildcard = false, bundleMethod = 'ubiquitous' } = record.ssl ?? {}
    const target = { hostnameId: id, hostname, zoneId, wildcard, bundleMethod, pointer: '' }
    const certificate = await readCertificate(deps.uploads, body, target)
    const now = deps.clock.now()
    const changed = await applyChange(deps.store, id, {
      change: (current) => replaceCertificate(current, { place, certificate, now }),
      by: principal.name,
    })
    await deps.lifecycle.begin(id)
    const newest = (await deps.store.hostnames.find(id)) ?? changed
    return reply.code(202).send(success(await presentHostname(deps, zone, newest)))
  })
}

function deleteRoute(app: ApiInstance, deps: ApiDependencies): void {
  const id = z.object({ id: z.uuid() })
  const schema = {
    ...COMMON,
    operationId: 'deleteCertificate',
    summary: 'Delete one of two certificates of a pack of your own',
    response: { 202: z.object({ ...id.shape, ...successSchema(id).shape }), ...FAILURE },
  }
  app.delete(PATH, { schema }, async ({ params, principal }, reply) => {
    const zone = await getZone(deps.store, params.zone_id)
    const record = await getHostname(deps.store, zone, params.custom_hostname_id)
    const place = placeOf(params)
    const now = deps.clock.now()
    await applyChange(deps.store, record.id, {
      change: (current) => removeCertificate(current, { place, now }),
      by: principal.name,
    })
    deps.lifecycle.wake()
    const { certificateId } = place
    return reply.code(202).send({ id: certificateId, ...success({ id: certificateId }) })
  })
}

function placeOf(params: z.infer<typeof PARAMS>): PackPlace {
  return {
    packId: params.certificate_pack_id.toLowerCase(),
    certificateId: params.certificate_id.toLowerCase(),
  }
}
