import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { makeDevCertificates, type DevCertificates } from '#test/dev-certs.ts'
import { http1Client, http2Client } from '#test/http-clients.ts'
import { HOST } from '#test/http-edge.ts'
import { startOrigin, type Origin } from '#test/origin.ts'
import { tempDir, type TempDir } from '#test/temp-dir.ts'

/** Bodies far larger than memory may grow: what passes through must not stay. */
const GIGABYTE = 1024 * 1024 * 1024
const PIECE = Buffer.alloc(256 * 1024, 'x')
const MAX_GROWTH = 150 * 1024 * 1024

let origin: Origin
let edge: ChildProcess
let ports: { plainPort: number; tlsPort: number }
let certificates: DevCertificates
let dir: TempDir

beforeAll(async () => {
  certificates = await makeDevCertificates([HOST])
  dir = tempDir()
  const certFile = join(dir.path, 'cert.pem')
  const keyFile = join(dir.path, 'key.pem')
  writeFileSync(certFile, certificates.ecdsa.certPem)
  writeFileSync(keyFile, certificates.ecdsa.keyPem)
  origin = await startOrigin(async (request, response) => {
    if (request.method === 'GET') return void sendBytes(response, Number(request.url?.slice(1)))
    let size = 0
    for await (const piece of request) size += (piece as Buffer).length
    response.end(String(size))
  })
  const program = join(import.meta.dirname, '../support/edge-process.ts')
  edge = fork(program, [String(origin.port), certFile, keyFile])
  ;[ports] = await once(edge, 'message')
})

afterAll(async () => {
  edge.disconnect()
  await once(edge, 'exit')
  await origin[Symbol.asyncDispose]()
  dir.remove()
})

function sendBytes(to: NodeJS.WritableStream, bytes: number): void {
  let left = bytes
  const send = (): void => {
    while (left > 0) {
      left -= PIECE.length
      if (!to.write(PIECE)) return void to.once('drain', send)
    }
    to.end()
  }
  send()
}

async function rss(): Promise<number> {
  const answer = once(edge, 'message')
  edge.send('rss')
  return (await answer)[0].rss
}

/** Runs something while watching the edge's memory; returns its growth at the worst moment. */
async function growthDuring(run: () => Promise<void>): Promise<number> {
  const before = await rss()
  const watch = { most: before, isOver: false }
  const running = run().finally(() => {
    watch.isOver = true
  })
  while (!watch.isOver) {
    watch.most = Math.max(watch.most, await rss())
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  await running
  return watch.most - before
}

async function countBytes(stream: AsyncIterable<unknown>): Promise<number> {
  let size = 0
  for await (const piece of stream) size += (piece as Buffer).length
  return size
}

describe('a body of a gigabyte', () => {
  it('goes down in bounded memory', async () => {
    using client = http1Client({ port: ports.plainPort, host: HOST })
    const growth = await growthDuring(async () => {
      expect(await countBytes(await client.open({ path: `/${GIGABYTE}` }))).toBe(GIGABYTE)
    })
    expect(growth).toBeLessThan(MAX_GROWTH)
  })

  it('goes up in bounded memory', async () => {
    using client = http1Client({ port: ports.plainPort, host: HOST })
    const growth = await growthDuring(async () => {
      const response = await client.open({
        method: 'POST',
        headers: { 'Content-Length': String(GIGABYTE) },
        write: (request) => sendBytes(request, GIGABYTE),
      })
      expect(await countText(response)).toBe(String(GIGABYTE))
    })
    expect(growth).toBeLessThan(MAX_GROWTH)
  })

  it('goes down over TLS and HTTP/2 in bounded memory, also to a client that dawdles', async () => {
    const bytes = GIGABYTE / 8
    using client = await http2Client({ port: ports.tlsPort, host: HOST, ca: certificates.ca })
    const growth = await growthDuring(async () => {
      const stream = client.open({ ':path': `/${bytes}` })
      let size = 0
      for await (const piece of stream) {
        const before = size
        size += (piece as Buffer).length
        // Every few megabytes it stops to think; the origin has to wait.
        if (Math.trunc(size / 8e6) !== Math.trunc(before / 8e6)) {
          await new Promise((resolve) => setTimeout(resolve, 20))
        }
      }
      expect(size).toBe(bytes)
    })
    expect(growth).toBeLessThan(MAX_GROWTH)
  })
})

async function countText(stream: AsyncIterable<unknown>): Promise<string> {
  let text = ''
  for await (const piece of stream) text += String(piece)
  return text
}
