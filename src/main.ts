#!/usr/bin/env node
/**
 * The composition root: reads settings, builds store, directory and planes by hand, in order, and
 * closes them in reverse. The only file that knows which adapters there are.
 *
 * The control plane is loaded only where it runs: a worker that serves within half a second of its
 * predecessor's death cannot first load an API server.
 */
import { fork } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'

import { runCli } from '#cli/cli.ts'
import type { Output } from '#cli/terminal.ts'
import { loadConfig, type Config } from '#config/config.ts'
import type { Control, LocalEdge } from '#control/control.ts'
import { TICKET_KEY_CONTEXT } from '#directory/directory.ts'
import {
  openDirectoryPublisher,
  openEdgeDirectory,
  type DirectoryOptions,
} from '#directory/open-directory.ts'
import { startEdgeAdmin } from '#edge/admin.ts'
import { startEdge, type Edge } from '#edge/edge.ts'
import { createHttpProtocols } from '#edge/http-protocols.ts'
import { createAccessLog } from '#edge/proxy/access-log.ts'
import { runWorkerProcess } from '#edge/worker-process.ts'
import { startWorker, type Worker } from '#edge/worker.ts'
import { systemClock as clock } from '#lib/clock.ts'
import { prepareDataDir, type DataDir } from '#lib/data-dir.ts'
import { createLogger, type Logger } from '#lib/log.ts'
import { Metrics, renderMetrics } from '#lib/metrics.ts'
import { systemRandom as random } from '#lib/random.ts'
import { createSealer, type Sealer } from '#lib/sealing.ts'
import type { Store } from '#store/store.ts'

const VERSION = '0.1.0'
/** Hidden command of the edge's worker processes. */
const WORKER_COMMAND = 'edge-worker'
/**
 * A proxy's garbage is short-lived: with V8's default of a few MiB for new objects much of it is
 * copied before it dies. 16 MiB took 10 % off the CPU of an HTTP/1.1 request; 64 gained nothing more.
 */
const WORKER_FLAGS = ['--max-semi-space-size=16']

/** What every kind of process begins with. */
interface Base {
  config: Config
  dataDir: DataDir
  sealer: Sealer
  metrics: Metrics
  log: Logger
}

/**
 * @param warn whether to tell what is odd: once, not in every worker
 * @throws {ConfigError} @throws {DataDirError}
 */
async function prepare({ warn = true } = {}): Promise<Base> {
  const readFile = (path: string): string => readFileSync(path, 'utf8')
  const loaded = loadConfig({ env: process.env, readFile, cores: availableParallelism() })
  const { config, warnings } = loaded
  const log = createLogger({ level: config.logLevel })
  const dataDir = await prepareDataDir(config.dataDir, { ...config, random })
  if (warn) {
    for (const { name, message } of warnings) log.warn({ setting: name }, message)
    for (const warning of dataDir.warnings) log.warn({ dataDir: dataDir.path }, warning)
  }
  const sealer = createSealer(dataDir.secretKeys)
  return { config, dataDir, sealer, log, metrics: new Metrics() }
}

/** Everything on one machine: control, and the edge's workers as child processes. */
async function serve(): Promise<void> {
  await using stack = new AsyncDisposableStack()
  const base = await prepare()
  // Control first: an edge finds nothing in a directory that was never filled.
  const opened: { edge?: Edge } = {}
  const localEdge: LocalEdge = {
    measure: () => opened.edge?.measure() ?? Promise.resolve([]),
    listProblems: () => problemsOf(opened.edge),
  }
  const control = stack.use(await openControl(base, stack, localEdge))
  const edge = stack.use(await openEdge(base))
  opened.edge = edge
  base.log.info({ https: edge.https, http: edge.http, workers: edge.readyWorkers }, 'edge serves')
  await untilSignal(base.log, edge)
  // Side by side: who starts next finds the API's port free while the last downloads still run.
  await Promise.all([control.close(), edge.close()])
}

async function control(): Promise<void> {
  await using stack = new AsyncDisposableStack()
  const base = await prepare()
  stack.use(await openControl(base, stack))
  await untilSignal(base.log)
}

async function edge(): Promise<void> {
  await using stack = new AsyncDisposableStack()
  const base = await prepare()
  await checkSecretKey(base)
  const edge = stack.use(await openEdge(base))
  const address = base.config.edgeAdmin
  if (address) {
    const listProblems = (): string[] => problemsOf(edge)
    const metrics = async (): Promise<string> =>
      renderMetrics([await base.metrics.snapshot(), ...(await edge.measure())])
    stack.use(await startEdgeAdmin({ address, listProblems, metrics }))
  }
  base.log.info({ https: edge.https, http: edge.http, workers: edge.readyWorkers }, 'edge serves')
  await untilSignal(base.log, edge)
}

/**
 * An edge whose secret key is another one could open no private key: better said at its start than at
 * every handshake. While the directory cannot be asked nobody knows.
 *
 * @throws {SealingError}
 */
async function checkSecretKey(base: Base): Promise<void> {
  await using directory = await openEdgeDirectory(directoryOptions(base))
  const keys = await directory.listTicketKeys().catch(() => [])
  for (const { sealed } of keys.slice(0, 1)) base.sealer.open(sealed, TICKET_KEY_CONTEXT)
}

/** Fills the directory from the store again, while or without a control process running. */
async function republish(): Promise<void> {
  await using stack = new AsyncDisposableStack()
  const base = await prepare()
  const store = stack.use(await openStore(base))
  const directory = stack.use(await openDirectoryPublisher(directoryOptions(base)))
  const { republish: republishAll } = await import('#control/republish.ts')
  const count = await republishAll({ ...base, store, directory, clock, random })
  process.stdout.write(`${count} ${count === 1 ? 'hostname' : 'hostnames'} published\n`)
}

async function openStore({ dataDir, sealer, log }: Base): Promise<Store> {
  const { openSqlStore } = await import('#store/sql/open-sql-store.ts')
  return openSqlStore({ path: join(dataDir.path, 'custos.db'), sealer, clock, log })
}

/** @param stack gets what control uses, to be closed after it */
async function openControl(
  base: Base,
  stack: AsyncDisposableStack,
  localEdge?: LocalEdge,
): Promise<Control> {
  const { dataDir } = base
  const { startControl } = await import('#control/control.ts')
  const store = stack.use(await openStore(base))
  const directory = stack.use(await openDirectoryPublisher(directoryOptions(base)))
  return startControl({
    ...base,
    dataDir: dataDir.path,
    apiToken: dataDir.apiToken,
    store,
    directory,
    clock,
    random,
    ...(localEdge && { localEdge }),
  })
}

function problemsOf(edge: Edge | undefined): string[] {
  return edge && edge.readyWorkers > 0 ? [] : ['No edge worker accepts connections.']
}

function openEdge({ config, log, metrics }: Base): Promise<Edge> {
  const spawn = (): ReturnType<typeof fork> =>
    fork(import.meta.filename, [WORKER_COMMAND], { execArgv: WORKER_FLAGS })
  return startEdge({ config, spawn, clock, random, logger: log, metrics })
}

/** A worker process: does what its primary says, from the first message to the last. */
async function edgeWorker(): Promise<void> {
  const base = await prepare({ warn: false })
  // The primary decides when to stop; a signal to the whole group must not end the exchanges.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {})
  runWorkerProcess({
    channel: process,
    start: ({ https, http }) =>
      openWorker({ ...base, config: { ...base.config, edgeHttps: https, edgeHttp: http } }),
    metrics: base.metrics,
    logger: base.log,
    exit: (code) => process.exit(code),
  })
}

async function openWorker(base: Base): Promise<Worker> {
  const { config, sealer, log: logger, metrics } = base
  const common = { clock, random, logger, metrics }
  return startWorker({
    ...common,
    config,
    version: VERSION,
    directory: await openEdgeDirectory(directoryOptions(base)),
    sealer,
    publicHttpsPort: config.edge.publicHttpsPort,
    createProtocols: ({ bindings, withPlainRules }) =>
      createHttpProtocols({
        ...common,
        bindings,
        withRules: withPlainRules,
        loopId: loopIdOf(base),
        originRoots: config.edge.originRoots ?? [],
        ...(config.edge.accessLog && { accessLog: createAccessLog({ clock, write: writeStdout }) }),
      }),
  })
}

/** The same for all edges of one deployment, which share the secret key, and for no other. */
function loopIdOf({ dataDir }: Base): string {
  const hash = createHash('sha256').update('cdn-loop')
  return `custos-${hash
    .update(dataDir.secretKeys[0] ?? '')
    .digest('hex')
    .slice(0, 12)}`
}

function writeStdout(lines: string): Promise<void> {
  return new Promise((resolve) => process.stdout.write(lines, () => resolve()))
}

function directoryOptions({ config, dataDir, log }: Base): DirectoryOptions {
  const path = join(dataDir.path, 'directory.db')
  return { redisUrl: config.redisUrl, path, clock, random, logger: log }
}

/**
 * Resolves at the first signal to stop; whoever waits then closes what it has. A second signal ends
 * the edge's exchanges at once, a third the process.
 */
function untilSignal(log: Logger, edge?: Edge): Promise<void> {
  return new Promise((resolve) => {
    let count = 0
    const onSignal = (signal: NodeJS.Signals): void => {
      count++
      log.info({ signal, count }, count === 1 ? 'stopping' : 'stopping at once')
      if (count === 1) return resolve()
      if (count > 2 || !edge) process.exit(1)
      void edge.close({ now: true })
    }
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, onSignal)
  })
}

function outputOf(stream: NodeJS.WriteStream): Output {
  return {
    write: (text) => stream.write(text),
    isTty: stream.isTTY ?? false,
    columns: stream.columns,
  }
}

process.exitCode = await runCli(process.argv.slice(2), {
  version: VERSION,
  stdout: outputOf(process.stdout),
  stderr: outputOf(process.stderr),
  env: process.env,
  fetch,
  readFile: (path) => readFileSync(path, 'utf8'),
  clock,
  processCommands: (program) => {
    program
      .command('serve')
      .description('run everything on this machine: control and edge')
      .action(serve)
    program.command('control').description('run the control plane only').action(control)
    program.command('edge').description('run the edge only').action(edge)
    program
      .command('republish')
      .description('fill the directory from the store again')
      .action(republish)
    program.command(WORKER_COMMAND, { hidden: true }).action(edgeWorker)
  },
})
