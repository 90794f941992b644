import { z } from 'zod'

import type { CustomCsr } from '#domain/custom-csr.ts'
import { CrowdedError } from '#lib/turns.ts'
import { StoreError, type CsrPage, type Store } from '#store/store.ts'

import type { ApiDependencies } from './api-dependencies.ts'
import { ApiError } from './api-error.ts'
import type { ApiInstance } from './api-instance.ts'
import {
  CSR_INPUT,
  CSR_LIST_QUERY,
  CUSTOM_CSR,
  renderCsr,
  toCsrRequest,
} from './custom-csr-schema.ts'
import { FAILURE_SCHEMA, pageSchema, success, successPage, successSchema } from './envelope.ts'
import { getZone, ZONE_PARAMS, zoneNotFound } from './zone-access.ts'
import { ACCOUNT } from './zone-schema.ts'

const TAGS = ['Custom CSRs']
const ONE = successSchema(CUSTOM_CSR)
const FAILURE = { '4xx': FAILURE_SCHEMA }
const CSR_ID = { custom_csr_id: z.guid('must be a UUID of 36 characters') }
const ACCOUNT_PARAMS = z.object({ account_id: z.literal(ACCOUNT.id) })

/** Undefined: the account, whose CSRs serve all zones. */
type Scope = string | undefined

/**
 * Custom CSRs, of a zone or of the account (spec section 1.8). There is one account, that of the zones;
 * other ids lead nowhere. A zone's CSRs serve its hostnames only, and go with it.
 */
export function customCsrRoutes(app: ApiInstance, deps: ApiDependencies): void {
  const { store } = deps
  addRoutes(app, deps, {
    path: '/zones/:zone_id/custom_csrs',
    params: ZONE_PARAMS,
    owner: 'Zone',
    scopeOf: async ({ zone_id = '' }) => (await getZone(store, zone_id)).id,
  })
  addRoutes(app, deps, {
    path: '/accounts/:account_id/custom_csrs',
    params: ACCOUNT_PARAMS,
    owner: 'Account',
    scopeOf: async () => undefined,
  })
}

interface Place {
  path: string
  params: typeof ZONE_PARAMS | typeof ACCOUNT_PARAMS
  /** In the ids of operations. */
  owner: string
  scopeOf(params: { zone_id?: string; account_id?: string }): Promise<Scope>
}

function addRoutes(app: ApiInstance, deps: ApiDependencies, place: Place): void {
  listRoute(app, deps, place)
  createRoute(app, deps, place)
  itemRoutes(app, deps, place)
}

function listRoute(app: ApiInstance, { store }: ApiDependencies, place: Place): void {
  const schema = {
    operationId: `list${place.owner}CustomCsrs`,
    summary: 'List custom CSRs',
    tags: TAGS,
    params: place.params,
    querystring: CSR_LIST_QUERY,
    response: { 200: pageSchema(CUSTOM_CSR), ...FAILURE },
  }
  app.get(place.path, { schema }, async ({ params, query }) => {
    const scope = await place.scopeOf(params)
    const page: CsrPage = {
      page: query.page,
      perPage: query.per_page,
      // All have the one account's tag: the order below it is that of creation.
      order: query.order === 'name' ? 'name' : 'created',
      direction: query.direction,
    }
    const { items, total } = await store.csrs.list(scope, page)
    return successPage(items.map(renderCsr), { ...page, total })
  })
}

function createRoute(app: ApiInstance, deps: ApiDependencies, place: Place): void {
  const schema = {
    operationId: `create${place.owner}CustomCsr`,
    summary: 'Make a key and a certificate signing request for it',
    description: 'The key stays here, sealed. Send `custom_csr_id` with the certificate.',
    tags: TAGS,
    params: place.params,
    body: CSR_INPUT,
    response: { 201: ONE, ...FAILURE },
  }
  app.post(place.path, { schema }, async ({ params, body }, reply) => {
    const zoneId = await place.scopeOf(params)
    const request = toCsrRequest(body, { zoneId, rules: deps.settings })
    const csr = await deps.csrMaker.make(request).catch(refuseCrowd)
    await create(deps.store, csr)
    return reply.code(201).send(success(renderCsr(csr)))
  })
}

function refuseCrowd(error: unknown): never {
  if (!(error instanceof CrowdedError)) throw error
  const reason = 'too many keys are being made at the moment'
  throw new ApiError('rate-limited', { reason, headers: { 'retry-after': '10' } })
}

async function create(store: Store, csr: CustomCsr): Promise<void> {
  try {
    await store.csrs.create(csr)
  } catch (error) {
    const isOrphan = error instanceof StoreError && error.kind === 'no-such-zone'
    throw isOrphan ? zoneNotFound(csr.zoneId ?? '') : error
  }
}

function itemRoutes(app: ApiInstance, { store }: ApiDependencies, place: Place): void {
  const path = `${place.path}/:custom_csr_id`
  const common = { tags: TAGS, params: z.object({ ...place.params.shape, ...CSR_ID }) }
  const get = {
    ...common,
    operationId: `get${place.owner}CustomCsr`,
    summary: 'Get a custom CSR',
    response: { 200: ONE, ...FAILURE },
  }
  app.get(path, { schema: get }, async ({ params }) =>
    success(renderCsr(await getCsr(store, await place.scopeOf(params), params.custom_csr_id))),
  )
  const remove = {
    ...common,
    operationId: `delete${place.owner}CustomCsr`,
    summary: 'Delete a custom CSR and its key',
    response: { 200: successSchema(z.object({ id: z.uuid() })), ...FAILURE },
  }
  app.delete(path, { schema: remove }, async ({ params }) => {
    const { id } = await getCsr(store, await place.scopeOf(params), params.custom_csr_id)
    await removeCsr(store, id)
    return success({ id })
  })
}

async function getCsr(store: Store, scope: Scope, id: string): Promise<CustomCsr> {
  const csr = await store.csrs.find(id.toLowerCase())
  if (!csr || csr.zoneId !== scope) throw new ApiError('csr-not-found')
  return csr
}

async function removeCsr(store: Store, id: string): Promise<void> {
  try {
    if (!(await store.csrs.remove(id))) throw new ApiError('csr-not-found')
  } catch (error) {
    const isUsed = error instanceof StoreError && error.kind === 'in-use'
    throw isUsed ? new ApiError('csr-in-use') : error
  }
}
