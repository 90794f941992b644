import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { z } from 'zod'

import { startCustos, type Custos } from '#test/custos.ts'
import { startEchoOrigin } from '#test/echo-origin.ts'
import { startPebble, type Pebble } from '#test/pebble.ts'
import { freePort } from '#test/ports.ts'
import { tempDir } from '#test/temp-dir.ts'

/** Everything that a hostname passes through: real processes, on this machine. */
export interface Scene extends AsyncDisposable {
  custos: Custos
  pebble: Pebble
  /** Root of what Pebble issues, PEM file. */
  caFile: string
  /** Stops Custos. @returns what it did all in all, in numbers that `work-counter.ts` counts */
  stopAndCount(): Promise<Record<string, number>>
}

const WORK = z.record(z.string(), z.number())

/**
 * Custos as `custos serve` with two workers, and Pebble without sleeps, but in strict mode with its
 * random bad nonces; DNS, in which every name leads here, is pebble-challtestsrv.
 *
 * @param profile folder in which Custos is to leave CPU profiles
 */
export async function openScene(profile?: string): Promise<Scene> {
  await using stack = new AsyncDisposableStack()
  const dir = stack.use(tempDir()).path
  const origin = stack.use(await startEchoOrigin())
  const httpPort = await freePort()
  const pebble = stack.use(await startPebble({ httpPort }))
  const roots = join(dir, 'https-roots.pem')
  writeFileSync(roots, pebble.httpsRoots)
  const workFile = join(dir, 'work.json')
  const custos = stack.use(
    await startCustos({
      env: {
        CUSTOS_CA: 'acme',
        CUSTOS_ACME_DIRECTORY_URL: pebble.directoryUrl,
        CUSTOS_ACME_ROOTS: roots,
        CUSTOS_DNS_SERVERS: pebble.dnsServer,
        CUSTOS_EDGE_HTTP: `127.0.0.1:${httpPort}`,
        CUSTOS_VALIDATION_HTTP_PORT: String(httpPort),
        CUSTOS_FALLBACK_ORIGIN: origin.url,
        CUSTOS_LOG_LEVEL: 'warn',
        NODE_OPTIONS: nodeOptions(profile),
        BENCH_WORK_FILE: workFile,
      },
    }),
  )
  const caFile = join(dir, 'pebble-root.pem')
  writeFileSync(caFile, await pebble.fetchRoot())
  const owned = stack.move()
  return {
    custos,
    pebble,
    caFile,
    async stopAndCount() {
      await custos.stop()
      return WORK.parse(JSON.parse(readFileSync(workFile, 'utf8')))
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

function nodeOptions(profile: string | undefined): string {
  const counter = `--import=${join(import.meta.dirname, 'work-counter.ts')}`
  return profile === undefined ? counter : `${counter} --cpu-prof --cpu-prof-dir=${profile}`
}
