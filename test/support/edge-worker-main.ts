import { setTimeout as sleep } from 'node:timers/promises'

import { loadConfig } from '#config/config.ts'
import { openSqliteEdgeDirectory } from '#directory/sqlite-edge-directory.ts'
import { runWorkerProcess } from '#edge/worker-process.ts'
import { startWorker } from '#edge/worker.ts'
import { systemClock as clock } from '#lib/clock.ts'
import { silentLogger as logger } from '#lib/log.ts'
import { Metrics } from '#lib/metrics.ts'
import { systemRandom as random } from '#lib/random.ts'

import { testSealer as sealer } from './test-binding.ts'
import { reportingRoom } from './tls-edge.ts'

/**
 * A worker process whose rooms only report what they were handed: `fork(…, [directory, …flags])`.
 *
 * Flags: `fail` ends before it is ready, `drain=ms` lets the rooms take so long to drain.
 */
const [path = '', ...flags] = process.argv.slice(2)
const drainMs = Number(flags.find((flag) => flag.startsWith('drain='))?.slice(6) ?? 0)
if (flags.includes('fail')) process.exit(3)

const metrics = new Metrics()
const { config } = loadConfig({ env: {}, readFile: () => '', cores: 1 })

runWorkerProcess({
  channel: process,
  metrics,
  logger,
  exit: (code) => process.exit(code),
  start: async ({ https, http }) =>
    startWorker({
      config: { ...config, edgeHttps: https, edgeHttp: http },
      version: 'test',
      directory: await openSqliteEdgeDirectory({ path, clock, random }),
      sealer,
      clock,
      random,
      logger,
      metrics,
      createProtocols: () => {
        const http1 = reportingRoom()
        const http2 = reportingRoom()
        const drain = async (signal: AbortSignal): Promise<void> => {
          await sleep(drainMs, undefined, { signal }).catch(() => {})
        }
        http1.drain = drain
        http2.drain = drain
        return { http1, http2, close: async () => {} }
      },
    }),
})
