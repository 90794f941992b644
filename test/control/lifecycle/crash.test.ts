import { execFile } from 'node:child_process'
import { cpSync } from 'node:fs'
import { join, resolve } from 'node:path'

import { describe, expect, it } from 'vitest'

import { createSealer } from '#lib/sealing.ts'
import { openSqlStore } from '#store/sql/open-sql-store.ts'
import { startControlPlane } from '#test/control-plane.ts'
import { aHostname } from '#test/records.ts'
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
describe('a control process that is killed between every two steps', () => {
  it.each(['before', 'after'])(
    'goes on where it was (killed %s each write)',
    async (moment) => {
      using dir = tempDir()
      await prepare(dir.path)
      // Killed before its second write, or after its first: one write gets through each time.
      const at = moment === 'before' ? 2 : 1
      let runs = 0
      for (;;) {
        const end = await run(dir.path, [String(at), moment, String(++runs * LATER_MS)])
        if (end === 'done') break
        expect(end).toBe('SIGKILL')
        expect(runs).toBeLessThan(60)
      }
      expect(runs).toBeGreaterThan(8)
      const certificates = await certificatesIn(dir.path)
      expect(certificates).toEqual(['ecdsa', 'rsa'])
    },
    120_000,
  )
})

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
