import { writeFile, rename } from 'node:fs/promises'
import { join } from 'node:path'

import type { Config, ListenAddress } from '#config'
import type { DirectoryPublisher } from '#directory/directory.ts'
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
import { createAcmeIssuer, type AcmeIssuer } from './ca/acme/acme-issuer.ts'
import { createIssuers } from './ca/issuers.ts'
import { createKeyMaker } from './ca/leaf-key-maker.ts'
import { createLocalIssuer, type LocalIssuer } from './ca/local/local-issuer.ts'
import { createCsrMaker } from './certificates/csr-maker.ts'
import { createUploadReader } from './certificates/upload-reader.ts'
import { createStubResolver } from './dns/stub-resolver.ts'
import { ensureFirstZone } from './first-zone.ts'
import { startDeployments } from './lifecycle/deployments.ts'
import { createHostnameWorker } from './lifecycle/hostname-worker.ts'
import type { Inspector } from './lifecycle/inspector.ts'
import { startLifecycle, type Lifecycle } from './lifecycle/lifecycle.ts'
import { observeLifecycle } from './lifecycle/lifecycle-metrics.ts'
import { startPublisher, type Publisher } from './publisher/publisher.ts'
import { startTicketKeyRotation } from './publisher/ticket-keys.ts'
import { createChallengeCheck } from './validation/challenge-check.ts'
import { createNetworkInspector } from './validation/network-inspector.ts'
import { createWellKnownFetch } from './validation/well-known-fetch.ts'

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

const CA_USER_AGENT = 'Custos-CA (http-01 validation)'
export const ROOTS_FILE = 'local-ca.pem'

/** @throws {ListenError} when the API's address is taken; what was started is closed again */
export async function startControl(options: ControlOptions): Promise<Control> {
  await using started = new AsyncDisposableStack()
  const { config, log } = options
  const { publisher, lifecycle } = await startLoops(options, started)
  const api = await createApi({
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
      wake: () => {
        publisher.wake()
        lifecycle.wake()
      },
    },
    metrics: async () =>
      renderMetrics([
        await options.metrics.snapshot(),
        ...((await options.localEdge?.measure()) ?? []),
      ]),
    readiness: () => readinessOf(options, publisher),
  })
  started.defer(() => api.close())
  const address = await listenApi(api, config.control)
  log.info({ ...address }, 'API listens')

  const owned = started.move()
  let closing: Promise<void> | undefined
  const close = (): Promise<void> => (closing ??= owned.disposeAsync())
  return { address, close, [Symbol.asyncDispose]: close }
}

async function startLoops(
  options: ControlOptions,
  started: AsyncDisposableStack,
): Promise<{ publisher: Publisher; lifecycle: Lifecycle }> {
  const { config, store, directory, sealer, clock, random, log, metrics } = options
  const { inspector, inspectAsCa } = lookersOf(options)
  const issuer = await openIssuer(options, inspectAsCa)
  started.defer(() => issuer.close())
  await ensureFirstZone({ store, clock, random, ...config.firstZone })

  const onRemoved = (): void => lifecycle.wake()
  const deployments = started.use(startDeployments({ store, directory, clock, log, onRemoved }))
  const onPublished = (id: string): void => deployments.watch(id)
  const onLoss = (): void => deployments.noteLoss()
  const publisher = started.use(
    startPublisher({ store, directory, clock, random, log, onPublished, onLoss }),
  )
  started.use(startTicketKeyRotation({ directory, sealer, clock, random, log }))
  const worker = createHostnameWorker({
    ...options,
    deployments,
    issuers: createIssuers([issuer]),
    inspector,
    keyMaker: createKeyMaker(),
    putAnswers: (record) => publisher.putAnswers(record),
    removeAnswers: (before, after) => publisher.removeAnswers(before, after),
    publishNow: (id) => publisher.publishNow(id),
    onFact: () => publisher.wake(),
    defaultCnameTarget: config.firstZone.cnameTarget,
  })
  const lifecycle = started.use(startLifecycle({ store, worker, clock, log }))
  observeLifecycle({ metrics, store, lifecycle, publisher, clock })
  return { publisher, lifecycle }
}

/** Who looks at the customer's side: we before any order, and the built-in CA by itself. */
function lookersOf({ config, clock }: ControlOptions): {
  inspector: Inspector
  inspectAsCa: Inspector['inspectChallenge']
} {
  const resolver = createStubResolver({ servers: config.dnsServers })
  const fetchWellKnown = createWellKnownFetch({ resolver, clock, port: config.validationHttpPort })
  return {
    inspector: createNetworkInspector({ resolver, fetchWellKnown, clock }),
    inspectAsCa: createChallengeCheck({ fetchWellKnown, userAgent: CA_USER_AGENT }),
  }
}

async function openIssuer(
  { config, dataDir, store, clock, random, log }: ControlOptions,
  inspectChallenge: Inspector['inspectChallenge'],
): Promise<LocalIssuer | AcmeIssuer> {
  const { secrets } = store
  if (config.ca.kind === 'acme') return createAcmeIssuer({ ...config.ca, secrets, clock, log })
  const { leafLifetimeMs } = config.ca
  const issuer = await createLocalIssuer({
    secrets,
    inspectChallenge,
    clock,
    random,
    leafLifetimeMs,
  })
  await exportRoots(dataDir, issuer.exportRoots())
  return issuer
}

/** Written whole or not at all: a client may read it at any moment. */
async function exportRoots(dataDir: string, roots: string): Promise<void> {
  const path = join(dataDir, ROOTS_FILE)
  await writeFile(`${path}.new`, roots)
  await rename(`${path}.new`, path)
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
