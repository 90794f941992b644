import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { freePort } from '#test/ports.ts'

import {
  listenersAmong,
  processTree,
  startPinned,
  TEST_CORE,
  waitForPort,
  type StartedProcess,
} from '../processes.ts'
import { NODE } from './node-version.ts'
import type { Opponent, RunningOpponent, Setting } from './opponent.ts'

const MAIN = resolve(import.meta.dirname, '../../src/main.ts')
const TOKEN = 'bench-only-token-of-a-temporary-data-directory'
const ACTIVE_WITHIN_MS = 30_000

export const custos: Opponent = {
  name: 'Custos',
  protocols: ['http/1.1', 'h2'],
  async version() {
    return `${commitOf(resolve(import.meta.dirname, '../..'))} (${NODE})`
  },
  start: (setting) => startCustos(setting),
}

/** The commit checked out, with `+` where tracked files differ from it. */
export function commitOf(directory: string): string {
  const git = (...args: string[]): string =>
    execFileSync('git', args, { cwd: directory, encoding: 'utf8' }).trim()
  try {
    const changed = git('status', '--porcelain', '--untracked-files=no') !== ''
    return git('rev-parse', '--short', 'HEAD') + (changed ? '+' : '')
  } catch {
    return 'unknown'
  }
}

/**
 * Starts `custos serve` with one edge worker and an empty data directory, creates the hostname by
 * the API like anyone else, and resolves when it is active.
 */
export async function startCustos(
  setting: Setting,
  extraEnvironment: Readonly<Record<string, string>> = {},
): Promise<RunningOpponent> {
  const { directory, port } = setting
  const controlPort = await freePort()
  const server = startPinned(process.execPath, [MAIN, 'serve'], {
    cores: TEST_CORE,
    log: join(directory, 'log'),
    cwd: directory,
    env: { ...(await environment(setting, controlPort)), ...extraEnvironment },
  })
  try {
    await waitForPort(controlPort, server)
    await waitForPort(port, server)
    await activate(setting.hostname, { server, base: `http://127.0.0.1:${controlPort}/client/v4` })
  } catch (error) {
    await server.close()
    const log = readFileSync(join(directory, 'log'), 'utf8').split('\n').slice(-20).join('\n')
    throw new Error(`Custos did not come up; the end of its log:\n${log}`, { cause: error })
  }
  return {
    ...server,
    port,
    ca: readFileSync(join(directory, 'data', 'local-ca.pem'), 'utf8'),
    // The control plane is no part of the data path: only the workers accept connections.
    processes: () => listenersAmong(processTree(server.pid), port),
  }
}

async function environment(
  { directory, port, originPort }: Setting,
  controlPort: number,
): Promise<Record<string, string>> {
  const httpPort = await freePort()
  return {
    CUSTOS_DATA_DIR: join(directory, 'data'),
    CUSTOS_WORKERS: '1',
    CUSTOS_EDGE_HTTPS: `127.0.0.1:${port}`,
    CUSTOS_EDGE_HTTP: `127.0.0.1:${httpPort}`,
    CUSTOS_CONTROL: `127.0.0.1:${controlPort}`,
    CUSTOS_VALIDATION_HTTP_PORT: String(httpPort),
    CUSTOS_ALLOW_RESERVED_TLDS: 'true',
    CUSTOS_FALLBACK_ORIGIN: `http://127.0.0.1:${originPort}`,
    CUSTOS_API_TOKEN: TOKEN,
  }
}

interface Control {
  server: StartedProcess
  base: string
}

async function activate(hostname: string, control: Control): Promise<void> {
  const [zone] = await call<{ id: string }[]>(control, 'GET', '/zones')
  if (!zone) throw new Error('Custos has made no first zone')
  const hostnames = `/zones/${zone.id}/custom_hostnames`
  const created = await call<HostnameResult>(control, 'POST', hostnames, {
    hostname,
    ssl: { method: 'http', type: 'dv' },
  })
  const deadline = performance.now() + ACTIVE_WITHIN_MS
  for (let now = created; !isActive(now);) {
    control.server.assertAlive()
    if (performance.now() > deadline) throw new Error(`Still not active: ${JSON.stringify(now)}`)
    await sleep(100)
    now = await call<HostnameResult>(control, 'GET', `${hostnames}/${created.id}`)
  }
}

interface HostnameResult {
  id: string
  status: string
  ssl?: { status: string }
}

function isActive({ status, ssl }: HostnameResult): boolean {
  return status === 'active' && ssl?.status === 'active'
}

async function call<Result>(
  control: Control,
  method: string,
  ...[path, body]: [path: string, body?: object]
): Promise<Result> {
  const response = await fetch(control.base + path, {
    method,
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
    signal: AbortSignal.timeout(10_000),
    ...(body && { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
  return JSON.parse(text).result
}
