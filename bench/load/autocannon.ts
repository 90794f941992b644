import { createRequire } from 'node:module'

import { LOAD_CORES, runToEnd } from '../processes.ts'
import type { Target } from './load.ts'

/** What someone who tries a proxy with autocannon sees; milliseconds. */
export interface AutocannonResult {
  requestsPerSecond: number
  p50: number
  p99: number
  failures: number
}

/** HTTP/1.1, 50 connections. Autocannon itself is the limit for the fast ones. */
export async function runAutocannon(
  { port, hostname }: Target,
  seconds: number,
): Promise<AutocannonResult> {
  const program = createRequire(import.meta.url).resolve('autocannon')
  const args = ['--json', '--no-progress', '-c', '50', '-d', String(seconds)]
  const target = ['-s', hostname, '-H', `host=${hostname}`, `https://127.0.0.1:${port}/small`]
  const command = ['-c', LOAD_CORES, process.execPath, program, ...args, ...target]
  const { code, stdout, stderr } = await runToEnd('taskset', command)
  if (code !== 0) throw new Error(`autocannon: ${stderr}`)
  const { requests, latency, errors, timeouts, non2xx } = JSON.parse(stdout)
  return {
    requestsPerSecond: requests.average,
    p50: latency.p50,
    p99: latency.p99,
    failures: errors + timeouts + non2xx,
  }
}
