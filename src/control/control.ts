import type { Config, ListenAddress } from '#config/config.ts'
import type { DirectoryPublisher } from '#directory/directory.ts'
import type { Certificate } from '#domain/certificate.ts'
import type { CustomHostname } from '#domain/custom-hostname.ts'
import type { Clock } from '#lib/clock.ts'
import type { Logger } from '#lib/log.ts'
import { renderMetrics, type Metrics, type MetricSnapshot } from '#lib/metrics.ts'
import type { Random } from '#lib/random.ts'
import type { Sealer } from '#lib/sealing.ts'
import type { Store } from '#store/store.ts'

import { createTokenAuthenticator } from './api/auth.ts'
import { createApi } from './api/api.ts'
import { listenApi } from './api/listen.ts'
import type { Readiness } from './api/api-dependencies.ts'
import { createKeyMaker } from './ca/leaf-key-maker.ts'
import { createLedger } from './ca/ledger.ts'
import { createIssuerMeter } from './ca/measured-issuer.ts'
import type { Diagnose } from './diagnosis/diagnose.ts'
import { startAuthoritativeServer, type AuthoritativeServer } from './dns/authoritative/server.ts'
import { createStoreDcvRecords } from './dns/authoritative/store-dcv-records.ts'
import { createCsrMaker } from './certificates/csr-maker.ts'
import { createUploadReader } from './certificates/upload-reader.ts'
import { createCustomerSide } from './customer-side.ts'
import { ensureFirstZone } from './first-zone.ts'
import {
  startDeployments,
  type Deployments,
  type DeploymentsOptions,
} from './lifecycle/deployments.ts'
import { giveBackDropped } from './lifecycle/dropped-orders.ts'
import { startHoldEnforcement, type HoldEnforcement } from './lifecycle/holds.ts'
import { createHostnameWorker } from './lifecycle/hostname-worker.ts'
import { startLifecycle, type Lifecycle } from './lifecycle/lifecycle.ts'
import { observeLifecycle } from './lifecycle/lifecycle-metrics.ts'
import { startMisdateSweep } from './lifecycle/misdate-sweep.ts'
import { openOutages } from './lifecycle/outages.ts'
import { createRenewalPace } from './lifecycle/renewal-pace.ts'
import { isServedElsewhere } from './lifecycle/rivals.ts'
import { createSightingRecorder } from './lifecycle/sighting-recorder.ts'
import { startRevocations } from './lifecycle/revocations.ts'
import { openIssuers } from './open-issuers.ts'
import { startPublisher, type Publisher } from './publisher/publisher.ts'
import { startTicketKeyRotation } from './publisher/ticket-keys.ts'

/** The control plane: API, lifecycle loop, CA, publisher. */
export interface Control extends AsyncDisposable {
  /** Where the API listens. */
  readonly address: ListenAddress
  /** API first, then the loop at its next wait, then what carries facts to the edges. Idempotent. */
  close(): Promise<void>
}

export interface ControlOptions {
  config: Config
  /** Absolute. */
  dataDir: string
  apiToken: string
  store: Store
  directory: DirectoryPublisher
  sealer: Sealer
  clock: Clock
  random: Random
  log: Logger
  metrics: Metrics
  /** The edge in the same process tree, whose health and numbers the API tells too. @default none */
  localEdge?: LocalEdge
}

export interface LocalEdge {
  measure(): Promise<MetricSnapshot[]>
  /** Sentences; empty when it serves. */
  listProblems(): readonly string[]
}

/** @throws {ListenError} when an address is taken; what was started is closed again */
export async function startControl(options: ControlOptions): Promise<Control> {
  await using started = new AsyncDisposableStack()
  const { config, log } = options
  const loops = await startLoops(options, started)
  const api = await createControlApi(options, loops)
  started.defer(() => api.close())
  const address = await listenApi(api, config.control)
  log.info({ ...address }, 'API listens')

  const owned = started.move()
  let closing: Promise<void> | undefined
  const close = (): Promise<void> => (closing ??= owned.disposeAsync())
  return { address, close, [Symbol.asyncDispose]: close }
}

function createControlApi(
  options: ControlOptions,
  { publisher, lifecycle, holds, diagnose, dropOrders }: Loops,
): ReturnType<typeof createApi> {
  const { config } = options
  return createApi({
    ...options,
    settings: {
      allowReservedTlds: config.allowReservedTlds,
      cnameTarget: config.firstZone.cnameTarget,
      dcvZone: config.dcvZone,
    },
    uploads: createUploadReader({ ...options, roots: config.customCertificateRoots }),
    csrMaker: createCsrMaker(options),
    authenticate: createTokenAuthenticator(options.apiToken),
    lifecycle: {
      begin: (id) => {
        publisher.wake()
        return lifecycle.begin(id)
      },
      dropOrders,
      wake: () => {
        publisher.wake()
        lifecycle.wake()
        holds.wake()
      },
    },
    diagnose,
    metrics: async () =>
      renderMetrics([
        await options.metrics.snapshot(),
        ...((await options.localEdge?.measure()) ?? []),
      ]),
    readiness: () => readinessOf(options, publisher),
  })
}

interface Loops {
  publisher: Publisher
  lifecycle: Lifecycle
  dropOrders(before: CustomHostname, after: CustomHostname | undefined): Promise<void>
  holds: HoldEnforcement
  diagnose: Diagnose
}

async function startLoops(options: ControlOptions, started: AsyncDisposableStack): Promise<Loops> {
  const { config, store, clock, random, log, metrics } = options
  const { inspector, inspectAsCa, inspectDelegation, diagnoseWith } = createCustomerSide(options)
  const { cas } = config
  const { secrets } = store
  const measure = createIssuerMeter(metrics)
  const { issuers, names, limitsOf } = started.use(
    await openIssuers({ ...options, cas, secrets, inspectChallenge: inspectAsCa, measure }),
  )
  const dnsServer = await startDnsServer(options, started)
  await ensureFirstZone({ store, clock, random, ...config.firstZone })

  const revocations = started.use(startRevocations({ issuers, clock, random, log }))
  const findCertificate = (id: string): Promise<Certificate | undefined> =>
    store.certificates.find(id)
  const budget = createLedger({ store, clock, metrics, cas: names, limitsOf })
  const onRemoved = (record: CustomHostname, certificates: readonly Certificate[]): void => {
    lifecycle.wake()
    void dropOrders(record, undefined)
    if (config.revokeOnRemoval) revocations.add(certificates)
  }
  const dropOrders: Loops['dropOrders'] = (before, after) =>
    giveBackDropped(before, after, budget).catch((err: unknown) =>
      log.warn({ err }, 'cannot give an order back'),
    )
  const { deployments, publisher } = startPublishing({ ...options, onRemoved }, started)
  const writing = {
    removeAnswers: (before: CustomHostname, after: CustomHostname) =>
      publisher.removeAnswers(before, after),
    dropOrders,
    onFact: () => publisher.wake(),
  }
  const worker = createHostnameWorker({
    ...options,
    ...writing,
    deployments,
    issuers,
    budget,
    pace: createRenewalPace({ store, clock }),
    outages: await openOutages({ store, clock, log }),
    findCertificate,
    async isDelegated({ hostname, zoneId }, signal) {
      const zone = await store.zones.find(zoneId)
      if (!zone) return false
      return inspectDelegation({ hostname, delegationUuid: zone.dcvDelegationUuid }, signal)
    },
    isServedElsewhere: (record) => isServedElsewhere(record, store),
    inspector,
    keyMaker: createKeyMaker(),
    putAnswers: (record) => {
      dnsServer?.forget()
      return publisher.putAnswers(record)
    },
    publishNow: (id) => publisher.publishNow(id),
    defaultCnameTarget: config.firstZone.cnameTarget,
  })
  const holds = started.use(
    startHoldEnforcement({
      store,
      clock,
      log,
      ...writing,
      publishName: (name) => publisher.publishName(name),
    }),
  )
  const lifecycle = started.use(startLifecycle({ store, worker, clock, log }))
  started.use(startMisdateSweep({ store, clock, log, wake: () => lifecycle.wake() }))
  observeLifecycle({ metrics, store, lifecycle, publisher, clock })
  return { publisher, lifecycle, holds, dropOrders, diagnose: diagnoseWith(issuers) }
}

/** What carries facts to the edges, and hears from them. */
function startPublishing(
  options: ControlOptions & Pick<DeploymentsOptions, 'onRemoved'>,
  started: AsyncDisposableStack,
): { deployments: Deployments; publisher: Publisher } {
  const recordSightings = createSightingRecorder(options.store)
  const deployments = started.use(startDeployments({ ...options, recordSightings }))
  const onPublished = (id: string): void => deployments.watch(id)
  const onLoss = (): void => deployments.noteLoss()
  const publisher = started.use(startPublisher({ ...options, onPublished, onLoss }))
  started.use(startTicketKeyRotation(options))
  return { deployments, publisher }
}

/** For DCV delegation, where it is set up. CAs look while the loop runs: it is closed after that. */
async function startDnsServer(
  { config, store, clock, log, metrics }: ControlOptions,
  started: AsyncDisposableStack,
): Promise<AuthoritativeServer | undefined> {
  if (!config.dnsServer) return undefined
  const records = createStoreDcvRecords({ store, clock })
  const server = await startAuthoritativeServer({
    ...config.dnsServer,
    records,
    clock,
    log,
    metrics,
  })
  started.use(server)
  log.info({ zone: config.dnsServer.zone, addresses: server.addresses }, 'DNS server listens')
  return server
}

async function readinessOf(
  { store, localEdge }: ControlOptions,
  publisher: Publisher,
): Promise<Readiness> {
  const reasons = [...(localEdge?.listProblems() ?? [])]
  try {
    await store.zones.list({ page: 1, perPage: 1 })
  } catch {
    reasons.push('The store cannot be read.')
  }
  if (!publisher.isConnected) reasons.push('The directory cannot be reached.')
  return { ready: reasons.length === 0, reasons }
}
