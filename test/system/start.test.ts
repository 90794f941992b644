import { writeFileSync } from 'node:fs'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

import { describe, expect, it } from 'vitest'

import { startCustos, type Custos } from '#test/custos.ts'
import { childrenOf, isRunning } from '#test/processes.ts'
import { tempDir } from '#test/temp-dir.ts'
import { waitUntil } from '#test/wait.ts'

/** Starts what is expected to refuse, and gives it time to. */
async function refused(
  env: Record<string, string>,
): Promise<{ code: number | string; log: string }> {
  await using custos = await startCustos({ env, waitReady: false })
  const code = await custos.exited
  return { code, log: custos.log() }
}

describe('custos serve refuses to start', () => {
  it('with all wrong settings named at once and exit code 78', async () => {
    const { code, log } = await refused({
      CUSTOS_EDGE_HTTPS: 'nowhere',
      CUSTOS_WORKERS: 'many',
      CUSTOS_SECRET_KEY: 'dG9vIHNob3J0',
    })
    expect(code).toBe(78)
    for (const name of ['CUSTOS_EDGE_HTTPS', 'CUSTOS_WORKERS', 'CUSTOS_SECRET_KEY']) {
      expect(log).toContain(name)
    }
    expect(log).not.toContain('dG9vIHNob3J0')
  })

  it.each(['CUSTOS_EDGE_HTTPS', 'CUSTOS_EDGE_HTTP', 'CUSTOS_CONTROL', 'CUSTOS_DNS_LISTEN'])(
    'when the port of %s is taken, in one clear line',
    async (name) => {
      await using taken = await occupyPort()
      const { code, log } = await refused({
        CUSTOS_DCV_ZONE: 'dcv.saas.test',
        [name]: `127.0.0.1:${taken.port}`,
        CUSTOS_LOG_LEVEL: 'error',
      })
      expect(code).toBe(1)
      expect(log.trim().split('\n')).toHaveLength(1)
      expect(log).toContain(`127.0.0.1:${taken.port}`)
    },
  )

  it('with a database of a newer version', async () => {
    using dir = tempDir()
    const first = await startCustos({ env: { CUSTOS_DATA_DIR: dir.path } })
    await first.stop()
    const database = new DatabaseSync(join(dir.path, 'custos.db'))
    database.exec(`INSERT INTO schema_history VALUES (9999, 'from the future', 0)`)
    database.close()
    const { code, log } = await refused({ CUSTOS_DATA_DIR: dir.path })
    expect(code).toBe(1)
    expect(log).toContain('schema has version 9999')
  })

  it('with a data directory that is a file', async () => {
    using dir = tempDir()
    const path = join(dir.path, 'data')
    writeFileSync(path, '')
    const { code, log } = await refused({ CUSTOS_DATA_DIR: path })
    expect(code).toBe(1)
    expect(log).toContain(path)
  })

  it('with a data directory that cannot be made', async () => {
    const path = '/proc/custos-data'
    const { code, log } = await refused({ CUSTOS_DATA_DIR: path })
    expect(code).toBe(1)
    expect(log).toContain(path)
  })
})

describe('custos edge refuses to start', () => {
  it('with another secret key than the control plane’s', async () => {
    using dir = tempDir()
    const env = { CUSTOS_DATA_DIR: dir.path, CUSTOS_LOG_LEVEL: 'error' }
    await using control = await startCustos({ command: 'control', env })
    await waitUntil('there are ticket keys', async () => {
      const metrics = await (await fetch(`${control.controlUrl}/metrics`)).text()
      return metrics.includes('custos_directory_connected 1')
    })
    const other = { ...env, CUSTOS_SECRET_KEY: Buffer.alloc(32, 9).toString('base64') }
    await using edge = await startCustos({ command: 'edge', env: other, waitReady: false })
    expect(await edge.exited).toBe(1)
    expect(edge.log()).toContain('secret key')
  })
})

describe('custos serve', () => {
  it('warns of an unknown setting with the nearest name, once', async () => {
    await using custos = await startCustos({ env: { CUSTOS_WORKRES: '1' } })
    const warnings = custos
      .log()
      .split('\n')
      .filter((line) => line.includes('CUSTOS_WORKRES'))
    expect(warnings).toHaveLength(1)
    expect(warnings[0]).toContain('CUSTOS_WORKERS')
  })

  it('ends with 0 at SIGTERM, and leaves no process behind', async () => {
    await using custos = await startCustos()
    const workers = childrenOf(custos.pid)
    expect(workers).toHaveLength(2)
    expect(await custos.stop()).toBe(0)
    await waitUntil('the workers are gone', () => !workers.some(isRunning))
  })

  it('takes its workers along when it is killed', async () => {
    await using custos = await startCustos()
    const workers = childrenOf(custos.pid)
    expect(workers).toHaveLength(2)
    await custos.kill()
    await waitUntil('the workers are gone', () => !workers.some(isRunning))
  })

  it('keeps what was acknowledged over a kill and a restart', async () => {
    using dir = tempDir()
    const first = await startCustos({ env: { CUSTOS_DATA_DIR: dir.path } })
    const created = await createZone(first)
    await first.kill()
    await using second = await startCustos({ env: { CUSTOS_DATA_DIR: dir.path } })
    const zones = await (await second.client()).zones.list({ name: created })
    expect(zones.result.map(({ name }) => name)).toEqual([created])
  })
})

async function createZone(custos: Custos): Promise<string> {
  const client = await custos.client()
  return (await client.zones.create({ account: {}, name: 'second.com' })).name
}

async function occupyPort(): Promise<AsyncDisposable & { port: number }> {
  const server = createServer()
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as AddressInfo
  return { port, [Symbol.asyncDispose]: () => close(server) }
}

function close(server: Server): Promise<void> {
  return new Promise((done) => server.close(() => done()))
}
