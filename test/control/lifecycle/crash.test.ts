import { execFile } from 'node:child_process'
import { cpSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

import { describe, expect, it } from 'vitest'

import { requestRemoval } from '#control/api/create-custom-hostname.ts'
import { sslStatus } from '#domain/status.ts'
import { systemClock } from '#lib/clock.ts'
import { createSealer } from '#lib/sealing.ts'
import { openSqlStore } from '#store/sql/open-sql-store.ts'
import { startControlPlane } from '#test/control-plane.ts'
import { aHostname } from '#test/records.ts'
import { aCustomer } from '#test/steps.ts'
import { tempDir } from '#test/temp-dir.ts'

const MORTAL = resolve(import.meta.dirname, '../../support/mortal-control.ts')
/** Longer than a lease. */
const LATER_MS = 60_000
const record = aHostname()

/**
 * A process that is killed at each write leaves the record between two steps: with the step's effect
 * done and not recorded (before the write), or recorded and the next not begun (after it). Each run
 * here gets past one write at the most; together they must still get to the end.
 */
describe.each(['before', 'after'] as const)('killed %s each write, a control process', (moment) => {
  it('goes on where it was, until the hostname is served', { timeout: 120_000 }, async () => {
    using dir = tempDir()
    await prepare(dir.path)
    expect(await runsUntil('served', { dir: dir.path, moment })).toBeGreaterThan(8)
    expect(await certificatesIn(dir.path)).toEqual(['ecdsa', 'rsa'])
  })

  it(
    'renews with one order, and one more where it died before it noted it',
    { timeout: 120_000 },
    async () => {
      using dir = tempDir()
      await prepareRenewal(dir.path)
      expect(await runsUntil('served', { dir: dir.path, moment })).toBeGreaterThan(4)
      expect(await certificatesIn(dir.path)).toEqual(['ecdsa'])
      expect(readFileSync(join(dir.path, 'orders'))).toHaveLength(moment === 'before' ? 2 : 1)
    },
  )

  it('removes the hostname all the same', { timeout: 120_000 }, async () => {
    using dir = tempDir()
    await prepareServed(dir.path)
    const store = await openStore(dir.path)
    await requestRemoval({ store, clock: systemClock }, record.id)
    await store.close()
    expect(await runsUntil('gone', { dir: dir.path, moment })).toBeGreaterThan(0)
    expect(await certificatesIn(dir.path)).toEqual([])
  })
})

/** @returns how many processes died on the way */
async function runsUntil(
  goal: 'served' | 'gone',
  { dir, moment }: { dir: string; moment: 'before' | 'after' },
): Promise<number> {
  for (let runs = 0; runs < 60; runs++) {
    // Killed after its first write, or before its second (once before its first): one gets through.
    const at = moment === 'before' && runs > 0 ? 2 : 1
    const end = await run(dir, [String(at), moment, String((runs + 1) * LATER_MS), goal])
    if (end === 'done') return runs
    expect(end).toBe('SIGKILL')
  }
  throw new Error('it does not get on')
}

/** The hostname is served with one chain, so that one step follows the other. */
async function prepareServed(dir: string): Promise<void> {
  using template = tempDir()
  const served = { ...record, chains: record.chains.slice(0, 1) }
  const plane = await startControlPlane({ dir: template.path, inspector: aCustomer() })
  await plane.create(served)
  await plane.until(served.id, (one) => sslStatus(one, systemClock.now()) === 'active')
  await plane[Symbol.asyncDispose]()
  cpSync(template.path, dir, { recursive: true })
}

/** The same, and it is to be renewed. */
async function prepareRenewal(dir: string): Promise<void> {
  await prepareServed(dir)
  const store = await openStore(dir)
  const now = systemClock.now()
  await store.hostnames.update(record.id, (current) => ({
    record: {
      ...current,
      chains: current.chains.map((chain) =>
        chain.issuance.state === 'issued'
          ? { ...chain, issuance: { ...chain.issuance, renewAt: now, nextAt: now } }
          : chain,
      ),
    },
  }))
  await store.close()
}

/** The folder of a control plane that has made its CA and stored the hostname, and nothing more. */
async function prepare(dir: string): Promise<void> {
  using template = tempDir()
  const never = (): Promise<never> => new Promise(() => {})
  const inspector = { inspectOwnership: never, inspectChallenge: never, inspectPermission: never }
  const plane = await startControlPlane({ dir: template.path, inspector })
  await plane[Symbol.asyncDispose]()
  const store = await openStore(template.path)
  await store.hostnames.create(record)
  await store.close()
  cpSync(template.path, dir, { recursive: true })
}

function openStore(dir: string): ReturnType<typeof openSqlStore> {
  const sealer = createSealer([Buffer.alloc(32, 1)])
  return openSqlStore({ path: join(dir, 'custos.db'), sealer })
}

function run(dir: string, args: string[]): Promise<string> {
  return new Promise((done, fail) => {
    execFile(
      process.execPath,
      [MORTAL, dir, record.id, ...args],
      { timeout: 60_000 },
      (error, out, err) => {
        if (!error) done('done')
        else if (error.signal === 'SIGKILL') done('SIGKILL')
        else fail(new Error(`${error.message}\n${out}${err}`))
      },
    )
  })
}

async function certificatesIn(dir: string): Promise<string[]> {
  await using store = await openStore(dir)
  const certificates = await store.certificates.listByHostname(record.id)
  return certificates.map(({ keyAlgorithm }) => keyAlgorithm).sort()
}
