import { DatabaseSync } from 'node:sqlite'

import { createKeyMaker } from '#control/ca/leaf-key-maker.ts'
import { createLocalIssuer } from '#control/ca/local/local-issuer.ts'
import type { Budget } from '#control/ca/budget.ts'
import type { Issuer } from '#control/ca/issuer.ts'
import { createIssuers } from '#control/ca/issuers.ts'
import { startDeployments } from '#control/lifecycle/deployments.ts'
import { giveBackDropped } from '#control/lifecycle/dropped-orders.ts'
import { startHoldEnforcement, type HoldEnforcement } from '#control/lifecycle/holds.ts'
import { createHostnameWorker } from '#control/lifecycle/hostname-worker.ts'
import type { Inspector } from '#control/lifecycle/inspector.ts'
import { startMisdateSweep } from '#control/lifecycle/misdate-sweep.ts'
import { createOutages } from '#control/lifecycle/outages.ts'
import { isServedElsewhere } from '#control/lifecycle/rivals.ts'
import { startLifecycle, type Lifecycle } from '#control/lifecycle/lifecycle.ts'
import { startPublisher, type Publisher } from '#control/publisher/publisher.ts'
import { openSqliteDirectoryPublisher } from '#directory/sqlite-directory-publisher.ts'
import { openSqliteEdgeDirectory } from '#directory/sqlite-edge-directory.ts'
import type { ChangeId, DirectoryPublisher, EdgeDirectory } from '#directory/directory.ts'
import type { CustomHostname } from '#domain/custom-hostname.ts'
import type { Clock } from '#lib/clock.ts'
import { systemClock } from '#lib/clock.ts'
import { silentLogger, type Logger } from '#lib/log.ts'
import { systemRandom } from '#lib/random.ts'
import { createSealer } from '#lib/sealing.ts'
import { openSqlStore } from '#store/sql/open-sql-store.ts'
import type { Store } from '#store/store.ts'

import { aZone } from './records.ts'
import { tempDir } from './temp-dir.ts'
import { UNLIMITED } from './unlimited-budget.ts'
import { unpaced } from './unpaced.ts'
import { waitUntil } from './wait.ts'

export interface ControlPlaneOptions {
  inspector: Inspector
  issuer?: (built: Issuer) => Issuer
  /** @default none that limits anything */
  budget?: (store: Store, clock: Clock) => Budget
  clock?: Clock
  log?: Logger
  leafLifetimeMs?: number
  /** Of the built-in CA. @default its own: an hour */
  authorizationReuseMs?: number
  /** What everything but the set-up sees of the store. */
  wrapStore?: (store: Store) => Store
  /** Uses this folder and leaves it. @default one of its own */
  dir?: string
}

/**
 * The lifecycle with everything real but the customer's side: SQLite store and directory, built-in
 * CA, and an edge that applies each change at once and serves nothing.
 */
export interface ControlPlane extends AsyncDisposable {
  store: Store
  directory: DirectoryPublisher
  edgeDirectory: EdgeDirectory
  publisher: Publisher
  lifecycle: Lifecycle
  holds: HoldEnforcement
  /** How many answers the directory holds. */
  answers(): number
  /** Stores the record in the zone of `aZone()` and begins with it, as the API does. */
  create(record: CustomHostname): Promise<void>
  /** Waits until the record is as wanted. */
  until(id: string, condition: (record: CustomHostname) => boolean): Promise<CustomHostname>
}

export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  await using stack = new AsyncDisposableStack()
  const dir = options.dir ?? stack.use(tempDir()).path
  const clock = options.clock ?? systemClock
  const common = { clock, random: systemRandom, log: options.log ?? silentLogger }
  const sealer = createSealer([Buffer.alloc(32, 1)])
  const opened = stack.use(await openSqlStore({ path: `${dir}/custos.db`, sealer, clock }))
  const store = options.wrapStore?.(opened) ?? opened
  const path = `${dir}/directory.db`
  const directory = stack.use(await openSqliteDirectoryPublisher({ path, clock }))
  const edgeDirectory = stack.use(
    await openSqliteEdgeDirectory({ path, clock: systemClock, random: systemRandom }),
  )
  if (!(await store.zones.find(aZone().id))) await store.zones.create(aZone())

  const budget = options.budget?.(store, clock) ?? UNLIMITED
  const onRemoved = (record: CustomHostname): void => {
    lifecycle.wake()
    void giveBackDropped(record, undefined, budget)
  }
  const deployments = stack.use(startDeployments({ store, directory, ...common, onRemoved }))
  const onPublished = (id: string): void => deployments.watch(id)
  const onLoss = (): void => deployments.noteLoss()
  const publisher = stack.use(startPublisher({ store, directory, ...common, onPublished, onLoss }))
  stack.use(applyEverything(edgeDirectory, clock))
  const { inspector, leafLifetimeMs, authorizationReuseMs } = options
  const built = await createLocalIssuer({
    secrets: store.secrets,
    inspectChallenge: inspector.inspectChallenge,
    ...common,
    ...(leafLifetimeMs === undefined ? {} : { leafLifetimeMs }),
    ...(authorizationReuseMs === undefined ? {} : { authorizationReuseMs }),
  })
  const writing = {
    store,
    ...common,
    removeAnswers: (before: CustomHostname, after: CustomHostname) =>
      publisher.removeAnswers(before, after),
    dropOrders: (before: CustomHostname, after: CustomHostname) =>
      giveBackDropped(before, after, budget),
    onFact: () => publisher.wake(),
  }
  const worker = createHostnameWorker({
    ...writing,
    deployments,
    issuers: createIssuers([options.issuer?.(built) ?? built]),
    budget,
    pace: unpaced(clock),
    outages: createOutages(clock),
    findCertificate: (id) => store.certificates.find(id),
    isDelegated: async () => false,
    isServedElsewhere: (record) => isServedElsewhere(record, store),
    inspector,
    sealer,
    keyMaker: createKeyMaker(),
    putAnswers: (record) => publisher.putAnswers(record),
    publishNow: (id) => publisher.publishNow(id),
    defaultCnameTarget: undefined,
  })
  const holds = stack.use(
    startHoldEnforcement({
      ...writing,
      publishName: (name) => publisher.publishName(name),
    }),
  )
  const lifecycle = stack.use(startLifecycle({ store, worker, ...common }))
  stack.use(startMisdateSweep({ store, ...common, wake: () => lifecycle.wake() }))

  const owned = stack.move()
  return {
    store,
    directory,
    edgeDirectory,
    publisher,
    lifecycle,
    holds,
    answers() {
      using file = new DatabaseSync(path)
      return Number(file.prepare('SELECT count(*) AS count FROM answer').get()?.['count'])
    },
    async create(record) {
      await store.hostnames.create(record)
      publisher.wake()
      await lifecycle.begin(record.id)
    },
    async until(id, condition) {
      let last: CustomHostname | undefined
      await waitUntil(`record ${id} is as wanted`, async () => {
        last = await store.hostnames.find(id)
        return last !== undefined && condition(last)
      }).catch((error: unknown) => {
        throw new Error(`${String(error)}: ${JSON.stringify(last)}`, { cause: error })
      })
      if (!last) throw new Error('never read')
      return last
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** An edge that keeps up: reports each change as applied as soon as it sees it. */
function applyEverything(directory: EdgeDirectory, clock: Clock): AsyncDisposable {
  const ending = new AbortController()
  const beat = (applied: ChangeId): Promise<void> =>
    directory.beat({ edgeId: 'test-edge', applied, at: clock.now(), version: 'test' })
  const run = async (): Promise<void> => {
    for await (const { upTo } of directory.watch(undefined, ending.signal)) {
      await beat(upTo).catch(() => {})
    }
  }
  const running = run()
  return {
    async [Symbol.asyncDispose]() {
      ending.abort()
      await running.catch(() => {})
    },
  }
}
