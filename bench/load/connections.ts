import { connect, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls'

import { LOAD_CORES, runToEnd } from '../processes.ts'
import type { LoadResult, Target } from './load.ts'

export interface ConnectionsOptions extends Target {
  path: string
  bodyLength: number
  connections: number
  /** Open at the same time. */
  concurrency: number
  /** Offer the newest session ticket; a connection that is then not resumed is a failure. */
  resume: boolean
  /** The signature algorithms to offer decide which chain is served. */
  keyType: 'ecdsa' | 'rsa'
}

/**
 * What clients of one kind offer in TLS 1.3. The second of `rsa` signs certificates only, but HAProxy
 * 2.6 serves its RSA chain to none that lacks it.
 */
export const SIGNATURE_ALGORITHMS = {
  ecdsa: 'ecdsa_secp256r1_sha256',
  rsa: 'rsa_pss_rsae_sha256:rsa_pkcs1_sha256',
}

/**
 * New TLS 1.3 connections with X25519, one HTTP/1.1 request each, closed by the client. In a process
 * of its own, on the cores for load.
 */
export async function runConnections(options: ConnectionsOptions): Promise<LoadResult> {
  const args = [process.execPath, import.meta.filename, JSON.stringify(options)]
  const { code, stdout, stderr } = await runToEnd('taskset', ['-c', LOAD_CORES, ...args])
  if (code !== 0) throw new Error(`Load generator failed: ${stderr}`)
  return JSON.parse(stdout)
}

async function generate(options: ConnectionsOptions): Promise<LoadResult> {
  const run = new Run(options)
  // The first connection brings the ticket that the others offer.
  if (options.resume) await run.connect()
  run.counted = 0
  const startedAt = performance.now()
  await Promise.all(Array.from({ length: options.concurrency }, () => run.connectUntilDone()))
  return {
    requests: options.connections,
    failures: run.failures,
    problems: [...run.problems].slice(0, 5),
    seconds: (performance.now() - startedAt) / 1_000,
  }
}

class Run {
  counted = 0
  failures = 0
  readonly problems = new Set<string>()
  readonly #options: ConnectionsOptions
  readonly #context: SecureContext
  readonly #request: string
  #session: Buffer | undefined

  constructor(options: ConnectionsOptions) {
    this.#options = options
    // One context for all: building one costs more than a handshake (nodejs/node#66002).
    this.#context = createSecureContext({
      minVersion: 'TLSv1.3',
      ecdhCurve: 'X25519',
      sigalgs: SIGNATURE_ALGORITHMS[options.keyType],
    })
    this.#request = `GET ${options.path} HTTP/1.1\r\nhost: ${options.hostname}\r\n\r\n`
  }

  async connectUntilDone(): Promise<void> {
    while (this.counted < this.#options.connections) {
      this.counted += 1
      await this.connect()
    }
  }

  connect(): Promise<void> {
    const { port, hostname, resume } = this.#options
    const session = resume ? this.#session : undefined
    const socket = connect({
      port,
      host: '127.0.0.1',
      servername: hostname,
      secureContext: this.#context,
      ALPNProtocols: ['http/1.1'],
      // The chains are verified before anything is measured; here it would only cost the client.
      rejectUnauthorized: false,
      ...(session && { session }),
    })
    if (resume) socket.on('session', (fresh: Buffer) => (this.#session = fresh))
    return this.#exchange(socket, session !== undefined)
  }

  #exchange(socket: TLSSocket, resuming: boolean): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(() => socket.destroy(new Error('no answer within 10 s')), 10_000)
    let received = ''
    let problem: string | undefined = 'closed before the answer was complete'
    socket.on('secureConnect', () => {
      socket.write(this.#request)
    })
    socket.setEncoding('latin1').on('data', (text: string) => {
      received += text
      if (!isComplete(received, this.#options.bodyLength)) return
      problem = this.#judge(received, resuming && !socket.isSessionReused())
      socket.end()
    })
    socket.on('error', (error) => (problem = error.message))
    socket.on('close', () => {
      clearTimeout(timer)
      if (problem !== undefined) this.#fail(problem)
      resolve()
    })
    return promise
  }

  #judge(received: string, wasNotResumed: boolean): string | undefined {
    if (!received.startsWith('HTTP/1.1 200 ')) return `answered ${received.slice(0, 30)}`
    return wasNotResumed ? 'the session was not resumed' : undefined
  }

  #fail(problem: string): void {
    this.failures += 1
    this.problems.add(problem)
  }
}

function isComplete(received: string, bodyLength: number): boolean {
  const end = received.indexOf('\r\n\r\n')
  return end >= 0 && received.length >= end + 4 + bodyLength
}

if (import.meta.main) {
  process.stdout.write(JSON.stringify(await generate(JSON.parse(process.argv[2] ?? '{}'))))
}
