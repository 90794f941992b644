import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { startDeployments, type Deployments } from '#control/lifecycle/deployments.ts'
import { settleFallbackOrigins } from '#control/lifecycle/fallback-origins.ts'
import {
  HEARTBEAT_TTL_MS,
  type ChangeId,
  type DirectoryPublisher,
  type EdgeDirectory,
} from '#directory/directory.ts'
import { openSqliteDirectoryPublisher } from '#directory/sqlite-directory-publisher.ts'
import { openSqliteEdgeDirectory } from '#directory/sqlite-edge-directory.ts'
import type { CustomHostname } from '#domain/custom-hostname.ts'
import type { Zone } from '#domain/zone.ts'
import { systemClock as clock } from '#lib/clock.ts'
import { createLogger, silentLogger } from '#lib/log.ts'
import { systemRandom as random } from '#lib/random.ts'
import { createSealer } from '#lib/sealing.ts'
import { openSqlStore } from '#store/sql/open-sql-store.ts'
import type { Store } from '#store/store.ts'
import { fakeClock } from '#test/fake-clock.ts'
import { aHostname, aZone, NOON } from '#test/records.ts'
import { tempDir } from '#test/temp-dir.ts'

describe('deployments', () => {
  let stack: AsyncDisposableStack
  let store: Store
  let directory: DirectoryPublisher
  let edges: EdgeDirectory
  let deployments: Deployments
  let lines: string[]

  beforeEach(async () => {
    stack = new AsyncDisposableStack()
    const dir = stack.use(tempDir()).path
    const sealer = createSealer([Buffer.alloc(32, 1)])
    store = stack.use(await openSqlStore({ path: `${dir}/custos.db`, sealer }))
    await store.zones.create(aZone())
    const path = `${dir}/directory.db`
    directory = stack.use(await openSqliteDirectoryPublisher({ path, clock }))
    await directory.writeEpoch('1')
    edges = stack.use(await openSqliteEdgeDirectory({ path, clock, random }))
    lines = []
    const log = createLogger({ write: (line) => void lines.push(line) })
    deployments = stack.use(startDeployments({ store, directory, clock, log }))
  })
  afterEach(() => stack.disposeAsync())

  const beat = (edgeId: string, applied: ChangeId): Promise<void> =>
    edges.beat({ edgeId, applied, at: clock.now(), version: 'test' })

  /** A record whose first publication is at this place of the change log. */
  const publish = async (
    changeId: ChangeId,
    change: Partial<CustomHostname> = {},
  ): Promise<CustomHostname> => {
    const record = aHostname(change)
    await store.hostnames.create(record)
    await store.outbox.complete(
      { hostnameId: record.id, serial: record.deployment.serial },
      changeId,
    )
    deployments.watch(record.id)
    return record
  }

  /** As the API does it, now. */
  const retireOrigin = async (): Promise<Zone> => {
    const zone = await store.zones.update(aZone().id, ({ fallbackOrigin, ...rest }) => ({
      ...rest,
      fallbackOrigin: fallbackOrigin && {
        ...fallbackOrigin,
        state: 'pending_deletion',
        updatedAt: clock.now(),
      },
    }))
    if (!zone) throw new Error('is there')
    return zone
  }

  it('counts a publication as applied only when every live edge has applied it', async () => {
    await beat('a', '5')
    await beat('b', '4')
    const record = await publish('5')
    expect(await deployments.whenApplied(record, 200)).toBe(false)
    expect((await store.hostnames.find(record.id))?.deployment.appliedSerial).toBe(0)
    await beat('b', '5')
    expect(await deployments.whenApplied(record, 5_000)).toBe(true)
    const applied = await store.hostnames.find(record.id)
    expect(applied?.deployment.appliedSerial).toBe(record.deployment.serial)
  })

  it('tells the operator that what was published is active', async () => {
    await beat('a', '5')
    const record = await publish('5', {
      ownership: { state: 'verified', at: 1, by: 'cname', serial: 1 },
      chains: [],
    })
    expect(await deployments.whenApplied(record, 5_000)).toBe(true)
    expect(lines.map((line) => JSON.parse(line))).toContainEqual(
      expect.objectContaining({
        hostname: record.hostname,
        status: 'active',
        msg: 'hostname changed state',
      }),
    )
  })

  it('does not wait for an edge that went away', async () => {
    await beat('a', '5')
    await beat('b', '1')
    const record = await publish('5')
    await edges.leave('b')
    expect(await deployments.whenApplied(record, 5_000)).toBe(true)
  })

  it('calls nothing served while there is no edge at all', async () => {
    const record = await publish('5')
    expect(await deployments.whenApplied(record, 200)).toBe(false)
    await beat('a', '5')
    expect(await deployments.whenApplied(record, 5_000)).toBe(true)
  })

  it('turns what was being deployed into issued', async () => {
    await beat('a', '9')
    const record = aHostname()
    const { serial } = record.deployment
    const record2 = await publish('9', {
      chains: record.chains.map((chain) => ({
        ...chain,
        issuance: {
          state: 'deploying' as const,
          certificateId: 'c',
          serial,
          renewAt: clock.now() + 1,
          nextAt: clock.now() + 1_000,
          failures: 0,
        },
      })),
    })
    await deployments.whenApplied(record2, 5_000)
    const states = (await store.hostnames.find(record2.id))?.chains.map((one) => one.issuance.state)
    expect(states).toEqual(['issued', 'issued'])
  })

  it('takes up what an earlier process published', async () => {
    await beat('a', '5')
    const record = aHostname()
    await store.hostnames.create(record)
    await store.outbox.complete({ hostnameId: record.id, serial: record.deployment.serial }, '5')
    await using again = startDeployments({ store, directory, clock, log: silentLogger })
    expect(await again.whenApplied(record, 5_000)).toBe(true)
  })

  it('removes the record once no edge serves it, and not before', async () => {
    await beat('a', '4')
    const record = await publish('5', { removal: { requestedAt: clock.now(), serial: 1 } })
    expect(await deployments.whenApplied(record, 200)).toBe(false)
    expect(await store.hostnames.find(record.id)).toBeDefined()
    await beat('a', '5')
    await expect.poll(() => store.hostnames.find(record.id)).toBeUndefined()
  })

  it('removes the record where there is no edge, once none can be silent for a moment only', async () => {
    const slow = fakeClock()
    const removal = { requestedAt: slow.now(), serial: 1 }
    const record = await publish('5', { removal })
    await using again = startDeployments({ store, directory, clock: slow, log: silentLogger })
    await slow.advance(HEARTBEAT_TTL_MS - 100)
    expect(await store.hostnames.find(record.id)).toBeDefined()
    await expect
      .poll(async () => {
        await slow.advance(500)
        return store.hostnames.find(record.id)
      })
      .toBeUndefined()
    await again.close()
  })

  it('looks for what others published also when the clock was set back', async () => {
    const jumping = fakeClock(clock.now())
    await using again = startDeployments({ store, directory, clock: jumping, log: silentLogger })
    await jumping.advance(100)
    jumping.jump(jumping.now() - 3_600_000)
    const record = aHostname()
    await store.hostnames.create(record)
    await store.outbox.complete({ hostnameId: record.id, serial: record.deployment.serial }, '5')
    await edges.beat({ edgeId: 'a', applied: '5', at: jumping.now(), version: 'test' })
    again.watch('somebody')
    await expect
      .poll(async () => {
        await jumping.advance(50)
        return (await store.hostnames.find(record.id))?.deployment.appliedSerial
      })
      .toBe(record.deployment.serial)
    await again.close()
  })

  it('ends the removal of a fallback origin while younger hostnames are being deployed', async () => {
    const zone = await retireOrigin()
    await publish('5', { createdAt: clock.now() + 1 })
    await using again = startDeployments({ store, directory, clock, log: silentLogger })
    await expect.poll(async () => (await store.zones.find(zone.id))?.fallbackOrigin).toBeUndefined()
    await again.close()
  })

  it('keeps a fallback origin that an edge may still send to', async () => {
    const zone = await retireOrigin()
    const record = await publish('5')
    await using again = startDeployments({ store, directory, clock, log: silentLogger })
    expect(await again.whenApplied(record, 200)).toBe(false)
    expect((await store.zones.find(zone.id))?.fallbackOrigin?.state).toBe('pending_deletion')
    await again.close()
  })

  it('ends the removal of a fallback origin when nothing is left to deploy', async () => {
    const zone = await retireOrigin()
    await using again = startDeployments({ store, directory, clock, log: silentLogger })
    await expect.poll(async () => (await store.zones.find(zone.id))?.fallbackOrigin).toBeUndefined()
    await again.close()
  })

  describe('of a new fallback origin', () => {
    const setOrigin = async (updatedAt: number): Promise<void> => {
      await store.zones.update(aZone().id, (zone) => ({
        ...zone,
        fallbackOrigin: zone.fallbackOrigin && {
          ...zone.fallbackOrigin,
          updatedAt,
          isDeploying: true,
        },
      }))
    }
    const findOrigin = async (): Promise<Zone['fallbackOrigin']> =>
      (await store.zones.find(aZone().id))?.fallbackOrigin

    it('end when every hostname of before is applied, whatever younger ones wait for', async () => {
      await setOrigin(clock.now())
      const record = await publish('5')
      await publish('9', { createdAt: clock.now() + 60_000 })
      await beat('a', '4')
      await using again = startDeployments({ store, directory, clock, log: silentLogger })
      expect(await again.whenApplied(record, 200)).toBe(false)
      expect(await findOrigin()).toMatchObject({ state: 'active', isDeploying: true })
      await again.close()
      await beat('a', '5')
      await using last = startDeployments({ store, directory, clock, log: silentLogger })
      await last.whenApplied(record, 5_000)
      await last.close()
      await using next = startDeployments({ store, directory, clock, log: silentLogger })
      await expect.poll(findOrigin).not.toHaveProperty('isDeploying')
      await next.close()
    })

    it('do not end for one that took its place while the hostnames were looked at', async () => {
      await setOrigin(NOON)
      const zones: Parameters<typeof settleFallbackOrigins>[0] = {
        list: async (page) => {
          const listed = await store.zones.list(page)
          await setOrigin(NOON + 1)
          return listed
        },
        update: (...args) => store.zones.update(...args),
      }
      expect(await settleFallbackOrigins(zones, [])).toEqual([])
      expect(await findOrigin()).toMatchObject({ updatedAt: NOON + 1, isDeploying: true })
    })
  })

  it('lets go of whoever waits when it closes', async () => {
    const record = await publish('5')
    const waiting = deployments.whenApplied(record, 60_000)
    await deployments.close()
    expect(await waiting).toBe(false)
  })
})
