import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect as connectHttp2 } from 'node:http2'
import { resolve } from 'node:path'
import { connect } from 'node:tls'
import { promisify } from 'node:util'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { startCustos, type Custos } from '#test/custos.ts'
import { startDnsServer } from '#test/dns-server.ts'
import { startEchoOrigin } from '#test/echo-origin.ts'
import { untilActive } from '#test/hostnames.ts'
import { runCustosCli } from '#test/run-custos-cli.ts'
import { waitUntil } from '#test/wait.ts'

const exec = promisify(execFile)
const MAIN = resolve(import.meta.dirname, '../../src/main.ts')

/** A zone serves a wildcard; the owner of one name below has that one held. */
const BASE = 'customer.test'
const HELD = `a.${BASE}`
const BESIDE = `b.${BASE}`

const stack = new AsyncDisposableStack()
let custos: Custos
let ca: string

beforeAll(async () => {
  const dns = stack.use(await startDnsServer({ [BASE]: { A: ['127.0.0.1'] } }))
  const origin = stack.use(await startEchoOrigin())
  custos = stack.use(
    await startCustos({
      env: { CUSTOS_FALLBACK_ORIGIN: origin.url, CUSTOS_DNS_SERVERS: dns.address },
    }),
  )
  ca = await readFile(custos.rootsPath, 'utf8')
  const client = await custos.client()
  const zone_id = (await client.zones.list()).result[0]?.id ?? ''
  const ssl = { method: 'txt', type: 'dv', wildcard: true } as const
  const { id } = await client.customHostnames.create({ zone_id, hostname: BASE, ssl })
  await waitUntil('the hostname and its certificate are active', async () => {
    const shown = await client.customHostnames.get(id, { zone_id })
    const records = shown.ssl?.validation_records ?? []
    const values = records.flatMap(({ txt_value }) => txt_value ?? [])
    if (values.length > 0) dns.set(`_acme-challenge.${BASE}`, { TXT: values })
    if (shown.ssl?.status === 'active' && shown.status === 'active') return true
    if (values.length > 0) await client.customHostnames.edit(id, { zone_id, ssl })
    return false
  })
  await untilActive(client, { zone_id, id })
}, 60_000)
afterAll(() => stack.disposeAsync())

/** `served`, or the code of the alert. */
async function visit(servername: string): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port: custos.httpsPort, servername, ca })
  try {
    await once(socket, 'secureConnect')
    return 'served'
  } catch (error) {
    return String(Reflect.get(Object(error), 'code'))
  } finally {
    socket.destroy()
  }
}

const REFUSED = 'ERR_SSL_TLSV1_UNRECOGNIZED_NAME'

async function holds(line: string): Promise<void> {
  const argv = [...`holds ${line}`.split(' '), '--url', custos.controlUrl]
  const env = { CUSTOS_DATA_DIR: custos.dataDir }
  expect(await runCustosCli(argv, { env })).toMatchObject({ code: 0 })
}

const until = (name: string, seen: string): Promise<void> =>
  waitUntil(`${name} is ${seen}`, async () => (await visit(name)) === seen)

describe('a name below a wildcard', () => {
  it('is refused while it is held, and served again afterwards; the others always are', async () => {
    expect(await visit(HELD)).toBe('served')
    await holds(`add ${HELD}`)
    await until(HELD, REFUSED)
    expect(await visit(BESIDE)).toBe('served')
    expect(await visit(BASE)).toBe('served')
    await holds(`remove ${HELD}`)
    await until(HELD, 'served')
  })

  it('is refused over a connection that was opened for another one', async () => {
    await using session = await openSession(BESIDE)
    const { ask } = session
    expect(await ask(HELD)).toBe(200)
    await holds(`add ${HELD}`)
    await waitUntil('requests are refused', async () => (await ask(HELD)) === 503)
    expect(await ask(BESIDE)).toBe(200)
    await holds(`remove ${HELD}`)
    await until(HELD, 'served')
  })

  it('is served while only a name below it is held', async () => {
    await holds(`add x.${HELD} --wait`)
    expect(await visit(HELD)).toBe('served')
    await holds(`remove x.${HELD}`)
  })

  it('is refused after everything was published again', async () => {
    await holds(`add ${HELD}`)
    await until(HELD, REFUSED)
    const { stdout } = await exec(process.execPath, [MAIN, 'republish'], {
      env: {
        PATH: process.env['PATH'],
        CUSTOS_DATA_DIR: custos.dataDir,
        CUSTOS_LOG_LEVEL: 'silent',
      },
    })
    expect(stdout).toBe('1 hostname published\n')
    expect(await visit(HELD)).toBe(REFUSED)
    expect(await visit(BESIDE)).toBe('served')
    await holds(`remove ${HELD}`)
    await until(HELD, 'served')
  })

  it('is refused with all others where the wildcard itself is held, without what is below', async () => {
    await holds(`add ${BASE} --no-subdomains`)
    const all = [BASE, HELD, BESIDE]
    for (const name of all) await until(name, REFUSED)
    expect(await Promise.all(all.map(visit))).not.toContain('served')
  })
})

/** One HTTP/2 connection over which other names are asked for, as browsers do (RFC 9113 section 9.1.1). */
async function openSession(
  servername: string,
): Promise<AsyncDisposable & { ask(name: string): Promise<number> }> {
  const authority = `https://127.0.0.1:${custos.httpsPort}`
  const session = connectHttp2(authority, { servername, ca, checkServerIdentity: () => undefined })
  await once(session, 'connect')
  return {
    async ask(name) {
      const request = session.request({ ':authority': `${name}:${custos.httpsPort}` })
      const [headers] = await once(request, 'response')
      request.resume()
      await once(request, 'end')
      return Number(headers[':status'])
    },
    async [Symbol.asyncDispose]() {
      session.destroy()
    },
  }
}
