/**
 * From POST to both chains served: creates hostnames at a steady rate, as customers come, and notes
 * when each is active, which means: every edge worker serves its ECDSA and its RSA chain.
 */
import { setTimeout as sleep } from 'node:timers/promises'

import type Cloudflare from 'cloudflare'
import { z } from 'zod'

import { createHostname } from '#test/hostnames.ts'
import { sClient } from '#test/s-client.ts'

import { cpuMicroseconds, processTree } from '../processes.ts'
import { readOptions, USAGE, type LifecycleOptions } from './options.ts'
import { openScene, type Scene } from './scene.ts'

/** Of the promise: served within five seconds, all but the slowest hundredth (DESIGN.md section 7). */
const PROMISED_P99_S = 5
/** A name that is not active by then has failed. */
const LONGEST_S = 120
const POLL_MS = 50
/** Handshakes with both kinds of clients, to see that active means served. */
const SAMPLES = 10

interface Run {
  client: Cloudflare
  zoneId: string
  /** When each was asked for, by id, in milliseconds since the epoch. */
  startedAt: Map<string, number>
}

const PAGE = z.object({ result_info: z.object({ total_count: z.number() }) })
const EVENTS = z.object({ result: z.array(z.object({ kind: z.string(), at: z.string() })) })
const LAST_KINDS = new Set(['ownership.verified', 'certificate.deployed'])

const NAME = (n: number): string => `shop${n}.customer${n}.test`

async function createAll(run: Run, { count, rate }: LifecycleOptions): Promise<void> {
  const beginAt = performance.now()
  const creating: Promise<void>[] = []
  for (let n = 0; n < count; n++) {
    await sleep(Math.max(0, beginAt + (n * 1_000) / rate - performance.now()))
    creating.push(createOne(run, NAME(n)))
  }
  await Promise.all(creating)
}

async function createOne({ client, zoneId, startedAt }: Run, hostname: string): Promise<void> {
  const askedAt = Date.now()
  const { id } = await createHostname(client, { zone_id: zoneId, hostname })
  startedAt.set(id, askedAt)
}

/**
 * Waits until all are active. Asks for their number only: reading the whole list again and again would
 * cost Custos as much as issuing.
 */
async function untilActive({ client, zoneId }: Run, count: number): Promise<void> {
  const query = { zone_id: zoneId, hostname_status: 'active', ssl_status: 'active' } as const
  let active = 0
  let lastAt = performance.now()
  while (active < count) {
    await sleep(POLL_MS)
    const now = await countListed(client.customHostnames.list({ ...query, per_page: 5 }))
    if (now > active) lastAt = performance.now()
    active = now
    if (performance.now() - lastAt > LONGEST_S * 1_000) {
      throw new Error(`${count - active} of ${count} hostnames are not active`)
    }
  }
}

async function countListed(
  list: ReturnType<Cloudflare['customHostnames']['list']>,
): Promise<number> {
  return PAGE.parse(await list).result_info.total_count
}

/** @returns seconds from asked for to active, in the order in which they were asked for */
async function readTimes({ client, zoneId, startedAt }: Run): Promise<number[]> {
  const seconds: number[] = []
  for (const [id, askedAt] of startedAt) {
    seconds.push(
      ((await activeAt(client, `/zones/${zoneId}/custom_hostnames/${id}`)) - askedAt) / 1_000,
    )
  }
  return seconds
}

/** When the last of ownership and both chains was applied by every edge, as its timeline has it. */
async function activeAt(client: Cloudflare, path: string): Promise<number> {
  const events = EVENTS.parse(await client.get(`${path}/events?per_page=100`)).result
  return Math.max(
    ...events.filter(({ kind }) => LAST_KINDS.has(kind)).map(({ at }) => Date.parse(at)),
  )
}

/** @throws where a sampled name is not served with both chains */
async function checkServed({ custos, caFile }: Scene, count: number): Promise<void> {
  for (let sample = 0; sample < Math.min(SAMPLES, count); sample++) {
    const serverName = NAME(Math.floor((sample * count) / SAMPLES))
    const input = `GET / HTTP/1.1\r\nHost: ${serverName}\r\nConnection: close\r\n\r\n`
    const verify = { port: custos.httpsPort, serverName, caFile, input }
    const ecdsa = await sClient({ ...verify, args: ['-verify_hostname', serverName] })
    const args = ['-verify_hostname', serverName, '-sigalgs', 'rsa_pss_rsae_sha256']
    const rsa = await sClient({ ...verify, args })
    const isBoth = ecdsa.verified && rsa.verified && rsa.keyAlgorithm === 'rsa'
    if (!isBoth) throw new Error(`${serverName} is active, but not served with both chains`)
  }
}

function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN
}

async function main(options: LifecycleOptions): Promise<void> {
  const { count, rate } = options
  await using scene = await openScene(options.profile)
  const client = await scene.custos.client()
  const zoneId = (await client.zones.list()).result[0]?.id ?? ''
  const run: Run = { client, zoneId, startedAt: new Map() }
  const trees = [scene.custos.pid, scene.pebble.pid].map(processTree)
  const cpu = (): number[] => [...trees, [process.pid]].map(cpuMicroseconds)
  const before = cpu()
  const beginAt = performance.now()
  await Promise.all([createAll(run, options), untilActive(run, count)])
  const tookS = (performance.now() - beginAt) / 1_000
  const spent = cpu().map((after, index) => after - (before[index] ?? 0))
  await checkServed(scene, count)
  const times = await readTimes(run)
  const work = Object.entries(await scene.stopAndCount())

  const sorted = times.toSorted((a, b) => a - b)
  const p99 = percentile(sorted, 0.99)
  const perHostname = spent.map((us) => `${(us / 1_000 / count).toFixed(1)} ms`)
  process.stdout.write(
    [
      `${count} hostnames, ${rate} a second, both chains from Pebble, in ${tookS.toFixed(1)} s`,
      `  POST to both chains served: p50 ${percentile(sorted, 0.5).toFixed(2)} s, p99 ${p99.toFixed(2)} s, slowest ${percentile(sorted, 1).toFixed(2)} s`,
      `  orders: ${((2 * count) / tookS).toFixed(1)} a second`,
      `  CPU for each hostname: Custos ${perHostname[0]}, Pebble ${perHostname[1]}, this bench ${perHostname[2]}`,
      `  for each hostname: ${work.map(([what, n]) => `${(n / count).toFixed(1)} ${what}`).join(', ')}`,
      '',
    ].join('\n'),
  )
  if (options.check && p99 >= PROMISED_P99_S) process.exitCode = 1
}

try {
  await main(readOptions(process.argv.slice(2)))
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}\n`)
  process.exitCode = 1
}
