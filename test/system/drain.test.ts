import { readFile } from 'node:fs/promises'
import { createServer, type ServerResponse } from 'node:http'
import { request } from 'node:https'
import { connect, type AddressInfo } from 'node:net'

import { describe, expect, it } from 'vitest'

import { startCustos, type Custos } from '#test/custos.ts'
import { createHostname, untilActive } from '#test/hostnames.ts'
import { waitUntil } from '#test/wait.ts'

const HOSTNAME = 'drain.localhost'

describe('custos serve that is told to stop', () => {
  it('finishes what runs, accepts nothing new, and ends with 0', async () => {
    await using origin = await startHeldOrigin()
    await using custos = await startServing(origin.url)
    const download = await beginDownload(custos)
    custos.process.kill('SIGTERM')
    await waitUntil('nothing is accepted any more', () => isRefused(custos.httpsPort))
    origin.finish()
    expect(await download.body).toBe('begin, end')
    expect(await custos.exited).toBe(0)
  })

  it('ends at once at a second signal', async () => {
    await using origin = await startHeldOrigin()
    await using custos = await startServing(origin.url)
    const download = await beginDownload(custos)
    custos.process.kill('SIGTERM')
    await waitUntil('nothing is accepted any more', () => isRefused(custos.httpsPort))
    custos.process.kill('SIGTERM')
    await expect(download.body).rejects.toThrow(/aborted|reset|hang up/)
    expect(await custos.exited).toBe(0)
  })
})

async function startServing(originUrl: string): Promise<Custos> {
  const custos = await startCustos({ env: { CUSTOS_FALLBACK_ORIGIN: originUrl } })
  const client = await custos.client()
  const zone_id = (await client.zones.list()).result[0]?.id ?? ''
  const { id } = await createHostname(client, { zone_id, hostname: HOSTNAME })
  await untilActive(client, { zone_id, id })
  return custos
}

/** An origin that begins each answer and ends it when told to. */
async function startHeldOrigin(): Promise<AsyncDisposable & { url: string; finish(): void }> {
  const held: ServerResponse[] = []
  const server = createServer((_, response) => {
    response.write('begin, ')
    held.push(response)
  })
  await new Promise<void>((done) => server.listen(0, 'localhost', done))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://localhost:${port}`,
    finish: () => held.forEach((response) => response.end('end')),
    [Symbol.asyncDispose]: () =>
      new Promise((done) => {
        server.closeAllConnections()
        server.close(() => done())
      }),
  }
}

/** Resolves once the answer has begun. */
async function beginDownload(custos: Custos): Promise<{ body: Promise<string> }> {
  const ca = await readFile(custos.rootsPath, 'utf8')
  const options = {
    host: '127.0.0.1',
    port: custos.httpsPort,
    ca,
    servername: HOSTNAME,
    agent: false,
  }
  const body = Promise.withResolvers<string>()
  body.promise.catch(() => {})
  await new Promise<void>((begun, fail) => {
    const sent = request({ ...options, headers: { host: HOSTNAME } }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (piece: string) => {
        text += piece
        begun()
      })
      response.once('end', () => body.resolve(text))
      response.once('error', body.reject)
    })
    sent.once('error', fail)
    sent.end()
  })
  return { body: body.promise }
}

function isRefused(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect({ host: '127.0.0.1', port })
    socket.once('connect', () => {
      socket.destroy()
      done(false)
    })
    socket.once('error', () => done(true))
  })
}
