import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

import { expect, it } from 'vitest'

import { startCustos, type Custos } from '#test/custos.ts'
import { startEchoOrigin } from '#test/echo-origin.ts'
import { runCustosCli, type CliRun } from '#test/run-custos-cli.ts'
import { waitUntil } from '#test/wait.ts'

const exec = promisify(execFile)
const HOSTNAME = 'www.held.localhost'

/** What the origin answers through the edge; undefined where TLS does not come about. */
async function ask(custos: Custos): Promise<string | undefined> {
  const resolve = ['--resolve', `${HOSTNAME}:${custos.httpsPort}:127.0.0.1`]
  const args = ['-sS', '--max-time', '10', '--cacert', custos.rootsPath, ...resolve]
  try {
    return (await exec('curl', [...args, `https://${HOSTNAME}:${custos.httpsPort}/`])).stdout
  } catch {
    return undefined
  }
}

it('a served hostname is served no more once its domain is held, until release and refresh', async () => {
  await using origin = await startEchoOrigin()
  await using custos = await startCustos({ env: { CUSTOS_FALLBACK_ORIGIN: origin.url } })
  const run = (line: string): Promise<CliRun> =>
    runCustosCli([...line.split(' '), '--url', custos.controlUrl], {
      env: { CUSTOS_DATA_DIR: custos.dataDir },
    })
  expect(await run(`hostnames add ${HOSTNAME} --wait`)).toMatchObject({ code: 0 })
  expect(await ask(custos)).toContain(HOSTNAME)

  expect(await run('holds add held.localhost --wait')).toMatchObject({ code: 0 })
  await waitUntil('the edge refuses the name', async () => (await ask(custos)) === undefined)
  const { stdout } = await run(`hostnames show ${HOSTNAME}`)
  expect(stdout).toContain('blocked')
  expect(stdout).toContain('The hostname is associated with a held zone.')
  expect(await run(`hostnames refresh ${HOSTNAME} --wait`)).toMatchObject({ code: 1 })

  expect(await run('holds remove held.localhost')).toMatchObject({ code: 0 })
  expect(await run(`hostnames refresh ${HOSTNAME} --wait`)).toMatchObject({ code: 0 })
  expect(await ask(custos)).toContain(HOSTNAME)
})
