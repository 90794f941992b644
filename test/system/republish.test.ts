import { execFile } from 'node:child_process'
import { readFile, rm } from 'node:fs/promises'
import { request } from 'node:https'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'

import { expect, it } from 'vitest'

import { startCustos, type Custos } from '#test/custos.ts'
import { startEchoOrigin } from '#test/echo-origin.ts'
import { createHostname, untilActive } from '#test/hostnames.ts'
import { freePort } from '#test/ports.ts'
import { tempDir } from '#test/temp-dir.ts'

const exec = promisify(execFile)
const MAIN = resolve(import.meta.dirname, '../../src/main.ts')
const HOSTNAME = 'again.localhost'

it('fills a directory that was deleted, so that an edge alone serves again', async () => {
  using dir = tempDir()
  await using origin = await startEchoOrigin()
  const env = { CUSTOS_DATA_DIR: dir.path, CUSTOS_FALLBACK_ORIGIN: origin.url }
  const first = await startCustos({ env })
  const client = await first.client()
  const zone_id = (await client.zones.list()).result[0]?.id ?? ''
  const { id } = await createHostname(client, { zone_id, hostname: HOSTNAME })
  await untilActive(client, { zone_id, id })
  const ca = await readFile(first.rootsPath, 'utf8')
  await first.stop()
  for (const suffix of ['', '-wal', '-shm']) {
    await rm(join(dir.path, `directory.db${suffix}`), { force: true })
  }

  const { stdout } = await exec(process.execPath, [MAIN, 'republish'], {
    env: { PATH: process.env['PATH'], ...env, CUSTOS_LOG_LEVEL: 'silent' },
  })
  expect(stdout).toBe('1 hostname published\n')
  const admin = `127.0.0.1:${await freePort()}`
  await using edge = await startCustos({
    command: 'edge',
    env: { ...env, CUSTOS_EDGE_ADMIN: admin },
  })
  expect(await getStatus(edge, ca)).toBe(200)
  const metrics = await (await fetch(`http://${admin}/metrics`)).text()
  expect(metrics).toMatch(/custos_edge_certificates\{[^}]*\} [12]/)
})

function getStatus(edge: Custos, ca: string): Promise<number | undefined> {
  return new Promise((done, fail) => {
    const options = {
      host: '127.0.0.1',
      port: edge.httpsPort,
      ca,
      servername: HOSTNAME,
      agent: false,
    }
    request({ ...options, headers: { host: HOSTNAME } }, (response) => {
      response.resume().once('end', () => done(response.statusCode))
    })
      .once('error', fail)
      .end()
  })
}
