import { getProgram } from '#test/packages.ts'

import { LOAD_CORES, runToEnd } from '../processes.ts'
import type { LoadResult, Target } from './load.ts'

export interface H2loadOptions extends Target {
  protocol: 'http/1.1' | 'h2'
  path: string
  /** Of each response's body, in bytes; anything else is a failure. */
  bodyLength: number
  requests: number
  connections: number
  /** Concurrent streams on each connection. @default 1 */
  streams?: number
  headers?: Readonly<Record<string, string>>
}

/** Debian's package `nghttp2-client`: C, so one core of it saturates any proxy on another. */
export async function runH2load(options: H2loadOptions): Promise<LoadResult> {
  const { code, stdout, stderr } = await runToEnd('taskset', [
    '-c',
    LOAD_CORES,
    getProgram('nghttp2-client'),
    ...argumentsFor(options),
  ])
  if (code !== 0) throw new Error(`h2load: ${stderr || stdout}`)
  return readOutput(stdout, options)
}

function argumentsFor(options: H2loadOptions): string[] {
  const {
    port,
    hostname,
    path,
    protocol,
    requests,
    connections,
    streams = 1,
    headers = {},
  } = options
  return [
    `--requests=${requests}`,
    `--clients=${connections}`,
    `--max-concurrent-streams=${streams}`,
    protocol === 'h2' ? '--npn-list=h2' : '--h1',
    ...Object.entries(headers).map(([name, value]) => `--header=${name}: ${value}`),
    `--connect-to=127.0.0.1:${port}`,
    `https://${hostname}:${port}${path}`,
  ]
}

/** Every number that h2load prints is held against what was asked. */
export function readOutput(
  text: string,
  expected: Pick<H2loadOptions, 'protocol' | 'requests' | 'bodyLength'>,
): LoadResult {
  const number = (pattern: RegExp): number => Number(pattern.exec(text)?.[1] ?? 0)
  const succeeded = number(/, (\d+) succeeded,/)
  const ok = number(/status codes: (\d+) 2xx,/)
  const bodyBytes = number(/\((\d+)\) data/)
  const wantedBytes = expected.requests * expected.bodyLength
  const protocol = /Application protocol: (\S+)/.exec(text)?.[1] ?? 'none'
  const tls = /TLS Protocol: (\S+)/.exec(text)?.[1] ?? 'none'
  const problems = [
    succeeded !== expected.requests && `${succeeded} of ${expected.requests} requests succeeded`,
    ok !== expected.requests && `${ok} of ${expected.requests} answers have status 2xx`,
    bodyBytes !== wantedBytes && `bodies have ${bodyBytes} bytes instead of ${wantedBytes}`,
    protocol !== expected.protocol && `spoke ${protocol} instead of ${expected.protocol}`,
    tls !== 'TLSv1.3' && `spoke ${tls} instead of TLSv1.3`,
  ].filter((problem) => problem !== false)
  const failures =
    problems.length === 0 ? 0 : Math.max(1, expected.requests - Math.min(succeeded, ok))
  return { requests: expected.requests, failures, problems, seconds: readSeconds(text) }
}

function readSeconds(text: string): number {
  const [, value, unit] = /finished in ([\d.]+)(us|ms|s|m)\b/.exec(text) ?? []
  const factor = { us: 1e-6, ms: 1e-3, s: 1, m: 60 }[unit ?? ''] ?? Number.NaN
  return Number(value) * factor
}
