import { Redis } from 'ioredis'
import { afterAll, beforeAll } from 'vitest'

import { openRedisDirectoryPublisher } from '#directory/redis-directory-publisher.ts'
import { openRedisEdgeDirectory } from '#directory/redis-edge-directory.ts'
import { systemClock as clock } from '#lib/clock.ts'
import { silentLogger as logger } from '#lib/log.ts'
import { systemRandom as random } from '#lib/random.ts'
import { startRedis, type RedisServer } from '#test/servers.ts'

import { directoryContract } from './directory-contract.ts'

let server: RedisServer
let admin: Redis

beforeAll(async () => {
  server = await startRedis()
  admin = new Redis(server.url)
})
afterAll(async () => {
  admin.disconnect()
  await server.close()
})

directoryContract('Redis', async () => {
  await admin.flushall()
  const options = { url: server.url, clock, random, logger }
  return {
    openEdge: () => openRedisEdgeDirectory(options),
    openPublisher: (more) => openRedisDirectoryPublisher({ ...options, ...more }),
    lose: async () => void (await admin.flushall()),
    copy: async () => {
      const keys = await admin.keys('*')
      const dumps = await Promise.all(keys.map((key) => admin.dumpBuffer(key)))
      return async () => {
        await admin.flushall()
        for (const [at, key] of keys.entries()) await admin.restore(key, 0, dumps[at] ?? '')
      }
    },
    [Symbol.asyncDispose]: async () => undefined,
  }
})
