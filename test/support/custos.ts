import { spawn, type ChildProcess } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'

import Cloudflare from 'cloudflare'

import { freePort } from './ports.ts'
import { tempDir } from './temp-dir.ts'
import { waitUntil } from './wait.ts'

const MAIN = resolve(import.meta.dirname, '../../src/main.ts')

export interface CustosOptions {
  /** @default 'serve' */
  command?: 'serve' | 'control' | 'edge'
  /** Settings on top of what a test machine needs: free ports, a temporary folder, two workers. */
  env?: Record<string, string>
  /** Waits for readiness. @default true */
  waitReady?: boolean
}

/** A Custos process tree of its own, started as an operator would. */
export interface Custos extends AsyncDisposable {
  readonly process: ChildProcess
  readonly pid: number
  readonly dataDir: string
  readonly httpsPort: number
  readonly httpPort: number
  /** `http://127.0.0.1:<port>` of the API. */
  readonly controlUrl: string
  /** Everything written to standard error so far. */
  readonly log: () => string
  /** The official SDK, signed in. */
  client(): Promise<Cloudflare>
  /** `local-ca.pem`: what clients trust. */
  rootsPath: string
  /** Resolves with the exit code, or the signal's name. */
  readonly exited: Promise<number | string>
  /** SIGTERM, and the wait for the end. */
  stop(): Promise<number | string>
  /** SIGKILL to the main process; its workers notice by themselves. */
  kill(): Promise<void>
  /** Starts it again with the same settings. */
  restart(env?: Record<string, string>): Promise<Custos>
}

export async function startCustos(options: CustosOptions = {}): Promise<Custos> {
  const { command = 'serve' } = options
  const ownDir = options.env?.['CUSTOS_DATA_DIR'] === undefined ? tempDir() : undefined
  const dataDir = options.env?.['CUSTOS_DATA_DIR'] ?? ownDir?.path ?? ''
  const [httpsPort, httpPort, controlPort] = [await freePort(), await freePort(), await freePort()]
  const env = {
    CUSTOS_DATA_DIR: dataDir,
    CUSTOS_EDGE_HTTPS: `127.0.0.1:${httpsPort}`,
    CUSTOS_EDGE_HTTP: `127.0.0.1:${httpPort}`,
    CUSTOS_CONTROL: `127.0.0.1:${controlPort}`,
    CUSTOS_WORKERS: '2',
    CUSTOS_ALLOW_RESERVED_TLDS: 'true',
    CUSTOS_VALIDATION_HTTP_PORT: String(httpPort),
    ...options.env,
  }
  const child = spawn(process.execPath, [MAIN, command], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const exited = new Promise<number | string>((done) => {
    child.once('exit', (code, signal) => done(code ?? signal ?? 'unknown'))
  })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const portOf = (name: 'CUSTOS_EDGE_HTTPS' | 'CUSTOS_EDGE_HTTP' | 'CUSTOS_CONTROL'): number =>
    Number(env[name].slice(env[name].lastIndexOf(':') + 1))

  const custos: Custos = {
    process: child,
    pid: child.pid ?? -1,
    dataDir,
    httpsPort: portOf('CUSTOS_EDGE_HTTPS'),
    httpPort: portOf('CUSTOS_EDGE_HTTP'),
    controlUrl: `http://127.0.0.1:${portOf('CUSTOS_CONTROL')}`,
    log: () => stderr,
    rootsPath: join(dataDir, 'local-ca.pem'),
    exited,
    async client() {
      const given = options.env?.['CUSTOS_API_TOKEN']
      const apiToken = given ?? (await readFile(join(dataDir, 'api-token'), 'utf8')).trim()
      return new Cloudflare({ apiToken, baseURL: `${custos.controlUrl}/client/v4`, maxRetries: 0 })
    },
    async stop() {
      child.kill('SIGTERM')
      return exited
    },
    async kill() {
      child.kill('SIGKILL')
      await exited
    },
    restart: (more = {}) => startCustos({ ...options, env: { ...env, ...more } }),
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM')
      await exited
      ownDir?.remove()
    },
  }
  if (options.waitReady ?? true) await untilReady(custos, command, env)
  return custos
}

async function untilReady(
  custos: Custos,
  command: string,
  env: Record<string, string>,
): Promise<void> {
  const admin = command === 'edge' ? env['CUSTOS_EDGE_ADMIN'] : undefined
  const url = admin ? `http://${admin}/readyz` : `${custos.controlUrl}/readyz`
  let isOver = false
  void custos.exited.then(() => (isOver = true))
  await waitUntil(`${command} is ready`, async () => {
    if (isOver) throw new Error(`custos ${command} ended early: ${custos.log()}`)
    const answer = await fetch(url).catch(() => undefined)
    return answer?.ok ?? false
  })
}
