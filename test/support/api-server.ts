import { join } from 'node:path'

import Cloudflare from 'cloudflare'
import type { FastifyInstance } from 'fastify'

import type { ApiDependencies, ApiSettings } from '#control/api/api-dependencies.ts'
import { createApi } from '#control/api/api.ts'
import { createTokenAuthenticator } from '#control/api/auth.ts'
import { listenApi } from '#control/api/listen.ts'
import { createCsrMaker } from '#control/certificates/csr-maker.ts'
import { createUploadReader } from '#control/certificates/upload-reader.ts'
import type { Hostname } from '#domain/hostname.ts'
import { advance } from '#domain/advance-issuance.ts'
import { systemClock } from '#lib/clock.ts'
import { silentLogger } from '#lib/log.ts'
import { systemRandom } from '#lib/random.ts'
import { createSealer } from '#lib/sealing.ts'
import { openSqlStore } from '#store/sql/open-sql-store.ts'
import type { Store } from '#store/store.ts'

import { anOrder, aZone } from './records.ts'
import { tempDir } from './temp-dir.ts'

export const API_TOKEN = 'test-token-0123456789'
export const ZONE_ID = aZone().id

/** The API as it runs, on a real store and a real listener, with a lifecycle that only opens orders. */
export interface ApiServer extends AsyncDisposable {
  app: FastifyInstance
  store: Store
  /** `http://127.0.0.1:<port>`. */
  url: string
  /** The official SDK, pointed here. */
  client: Cloudflare
  /** Names of the hostnames that the lifecycle was asked to begin with. */
  begun: string[]
  /** How often the lifecycle was woken. */
  readonly woken: number
  fetch(path: string, init?: RawRequest): Promise<RawAnswer>
}

export interface RawRequest {
  method?: string
  /** An object is sent as JSON; a string as it is. */
  body?: unknown
  headers?: Record<string, string>
}

export interface RawAnswer {
  status: number
  headers: Headers
  text: string
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into answers of any shape
  json: any
}

export interface ApiServerOptions {
  settings?: Partial<ApiSettings>
  deps?: Partial<ApiDependencies>
  /** PEM each: what uploaded certificates may come from besides public roots. */
  roots?: readonly string[]
}

/** Starts the API with one zone, `aZone()`. */
export async function startApi(options: ApiServerOptions = {}): Promise<ApiServer> {
  const dir = tempDir()
  const sealer = createSealer([Buffer.alloc(32, 7)])
  const store = await openSqlStore({ path: join(dir.path, 'custos.db'), sealer })
  const common = { store, sealer, clock: systemClock, random: systemRandom }
  await store.zones.create(aZone())
  const begun: string[] = []
  let woken = 0
  const app = await createApi({
    store,
    clock: systemClock,
    random: systemRandom,
    log: silentLogger,
    settings: { allowReservedTlds: false, ...options.settings },
    authenticate: createTokenAuthenticator(API_TOKEN),
    lifecycle: {
      async begin(id) {
        begun.push(id)
        await openOrder(store, id)
      },
      dropOrders: async () => {},
      wake: () => void woken++,
    },
    diagnose: async () => undefined,
    uploads: createUploadReader({ ...common, ...options }),
    csrMaker: createCsrMaker(common),
    metrics: async () => '# HELP custos_test A test.\ncustos_test 1\n',
    readiness: async () => ({ ready: true, reasons: [] }),
    ...options.deps,
  })
  const { port } = await listenApi(app, { host: '127.0.0.1', port: 0 })
  const url = `http://127.0.0.1:${port}`
  return {
    app,
    store,
    url,
    begun,
    get woken() {
      return woken
    },
    client: new Cloudflare({ apiToken: API_TOKEN, baseURL: `${url}/client/v4` }),
    fetch: (path, init) => send(`${url}${path}`, init),
    async [Symbol.asyncDispose]() {
      await app.close()
      await store.close()
      dir.remove()
    },
  }
}

async function send(url: string, request: RawRequest = {}): Promise<RawAnswer> {
  const { method = 'GET', body, headers = {} } = request
  const response = await fetch(url, {
    method,
    headers: {
      authorization: `Bearer ${API_TOKEN}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  const text = await response.text()
  const isJson = response.headers.get('content-type')?.includes('json')
  return {
    status: response.status,
    headers: response.headers,
    text,
    json: isJson ? JSON.parse(text) : undefined,
  }
}

/** As the real lifecycle leaves a new record: its ECDSA order is open. */
async function openOrder(store: Store, id: string): Promise<void> {
  await store.hostnames.update(id, (record) => {
    const chains = record.chains.map((chain) => {
      if (chain.keyAlgorithm !== 'ecdsa') return chain
      const order = orderFor(record.hostname)
      const event = { type: 'order-opened', order } as const
      return { ...chain, issuance: advance(chain.issuance, event, systemClock.now()) }
    })
    return { record: { ...record, chains } }
  })
}

function orderFor(identifier: Hostname): ReturnType<typeof anOrder> {
  const order = anOrder()
  return { ...order, challenges: order.challenges.map((one) => ({ ...one, identifier })) }
}
