import type { Clock } from '#lib/clock.ts'
import { renderDuration } from '#lib/duration.ts'

import type { ApiAnswer, ApiClient } from './api-client.ts'
import { HOSTNAME, type ApiHostname, type ApiZone } from './api-schema.ts'
import { CliError } from './cli-error.ts'
import { hostnamesPath } from './find-hostname.ts'
import { isActive, isStuck, missingSteps } from './missing-steps.ts'
import { plain } from './terminal.ts'

const FIRST_POLL_MS = 200
const LONGEST_POLL_MS = 2000

export interface WaitOptions {
  api: ApiClient
  clock: Clock
  zone: ApiZone
  hostname: ApiHostname
  timeoutMs: number
  /** Gets a line whenever something changed. */
  report: (line: string) => void
}

/**
 * Waits until every edge serves the hostname, and returns it as it is then.
 *
 * @throws {CliError} `timedOut` in time, or `failed` as soon as waiting is of no use
 */
export async function waitUntilActive(options: WaitOptions): Promise<SeenHostname> {
  const { zone, report } = options
  let told = ''
  return poll(options, (seen, seconds) => {
    const { result: hostname } = seen
    const state = describe(hostname, zone)
    if (state !== told) report(`[${seconds} s] ${(told = state)}`)
    if (isActive(hostname)) return seen
    if (!isStuck(hostname)) return undefined
    throw new CliError('failed', `${hostname.hostname} waits for you: ${state}`, {
      hint: `then: custos hostnames refresh ${hostname.hostname}`,
    })
  })
}

/** Waits until no edge serves the hostname any more and the API has forgotten it. */
export async function waitUntilGone(options: WaitOptions): Promise<void> {
  try {
    await poll(options, () => undefined)
  } catch (error) {
    if (!(error instanceof CliError) || error.kind !== 'notFound') throw error
  }
}

/** A hostname and the same as it was received. */
export type SeenHostname = Pick<ApiAnswer<ApiHostname>, 'result' | 'raw'>

async function poll<Result>(
  { api, clock, zone, hostname, timeoutMs }: WaitOptions,
  judge: (seen: SeenHostname, seconds: number) => Result | undefined,
): Promise<Result> {
  const startedAt = clock.now()
  const path = `${hostnamesPath(zone)}/${hostname.id}`
  let last = hostname
  for (let pauseMs = FIRST_POLL_MS; ; pauseMs = Math.min(pauseMs * 1.5, LONGEST_POLL_MS)) {
    const seen = await api.call({ path, schema: HOSTNAME })
    last = seen.result
    const elapsedMs = clock.now() - startedAt
    const verdict = judge(seen, Math.round(elapsedMs / 1000))
    if (verdict !== undefined) return verdict
    if (elapsedMs + pauseMs > timeoutMs) break
    await clock.sleep(pauseMs)
  }
  const message = `${last.hostname} is not there yet after ${renderDuration(timeoutMs)}: ${describe(last, zone)}`
  throw new CliError('timedOut', message, {
    hint: `it goes on by itself; see: custos hostnames show ${last.hostname}`,
  })
}

function describe(hostname: ApiHostname, zone: ApiZone): string {
  const certificate = hostname.ssl ? `, certificate ${hostname.ssl.status}` : ''
  const missing = missingSteps(hostname, zone).map((step) => `; ${plain(step)}`)
  return `${hostname.status}${certificate}${missing.join('')}`
}
