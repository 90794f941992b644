import { createSocket, type SocketOptions } from 'node:dgram'
import { connect, isIPv6 } from 'node:net'

import type { Clock } from '#lib/clock.ts'
import type { Random } from '#lib/random.ts'

import { decodeReply, encodeQuery, MAX_MESSAGE, type Query, type Reply } from './message.ts'
import { RCODE } from './wire.ts'

export interface Endpoint {
  /** IP address. */
  address: string
  port: number
}

/** What a look-up may cost, shared by all that it asks. */
export interface Limits {
  signal: AbortSignal
  /** Aborted once the time of the look-up is over: from then on every question ends with `timeout`. */
  timeUp: AbortSignal
  /** Messages that may still be sent. */
  budget: { messages: number }
}

/**
 * `refused`: nobody listens there. `unreachable`: this machine has no way to such an address.
 * `spent`: nothing was sent, the look-up has cost enough.
 */
export type NoReply = 'timeout' | 'refused' | 'unreachable' | 'malformed' | 'spent'

/** One query to one server. Rejects only with `signal.reason`. */
export type Exchange = (server: Endpoint, query: Query, limits: Limits) => Promise<Reply | NoReply>

export interface ExchangeOptions {
  clock: Clock
  random: Random
  /** For one message and its reply, in milliseconds. */
  timeoutMs: number
}

/**
 * Over UDP with EDNS, over TCP where the reply was cut, without EDNS where the server does not know
 * it. What a forger must hit (RFC 5452): each query has a socket of its own, so a port that the
 * system picks at random, connected, so that the kernel drops what comes from elsewhere; and an id.
 */
export function createExchange(options: ExchangeOptions): Exchange {
  return async (server, query, limits) => {
    const ask = (over: Transport, edns: boolean): Promise<Reply | NoReply> =>
      askOnce({ server, query, over, edns, limits }, options)
    const first = await ask(overUdp, true)
    if (typeof first === 'string') return first
    const edns = first.rcode !== RCODE.FORMERR && first.rcode !== RCODE.NOTIMP
    const second = edns ? first : await ask(overUdp, false)
    if (typeof second === 'string' || !second.isTruncated) return second
    const whole = await ask(overTcp, edns)
    return typeof whole !== 'string' && whole.isTruncated ? 'malformed' : whole
  }
}

/** Sends one message and hands over whatever comes back, until closed. */
type Transport = (wire: Wire) => { close(): void }

interface Wire {
  server: Endpoint
  message: Buffer
  onMessage: (message: Buffer) => void
  onError: (error: Error) => void
}

interface Attempt {
  server: Endpoint
  query: Query
  over: Transport
  edns: boolean
  limits: Limits
}

async function askOnce(
  { server, query, over, edns, limits }: Attempt,
  { clock, random, timeoutMs }: ExchangeOptions,
): Promise<Reply | NoReply> {
  const { signal, timeUp, budget } = limits
  signal.throwIfAborted()
  if (timeUp.aborted) return 'timeout'
  if (budget.messages-- <= 0) return 'spent'
  const id = Buffer.from(random.bytes(2)).readUInt16BE()
  const { promise, resolve } = Promise.withResolvers<Reply | NoReply>()
  const wire = over({
    server,
    message: encodeQuery(query, { id, edns }),
    onMessage(message) {
      const reply = decodeReply(message, { id, query })
      if (reply !== undefined) resolve(reply)
    },
    onError: (error) => resolve(reasonOf(error)),
  })
  const end = (): void => resolve('timeout')
  const timer = clock.after(timeoutMs, end)
  signal.addEventListener('abort', end, { once: true })
  timeUp.addEventListener('abort', end, { once: true })
  try {
    return await promise
  } finally {
    timer.cancel()
    signal.removeEventListener('abort', end)
    timeUp.removeEventListener('abort', end)
    wire.close()
    signal.throwIfAborted()
  }
}

function reasonOf(error: Error): NoReply {
  const code = 'code' in error ? error.code : undefined
  if (code === 'ECONNREFUSED') return 'refused'
  return code === undefined || code === 'ECONNRESET' ? 'malformed' : 'unreachable'
}

/** Addresses are never names: looking one up costs as much as the question. */
const UDP_4: SocketOptions = {
  type: 'udp4',
  lookup: (address, _options, callback) => callback(null, address, 4),
}
const UDP_6: SocketOptions = {
  type: 'udp6',
  lookup: (address, _options, callback) => callback(null, address, 6),
}

function overUdp({ server, message, onMessage, onError }: Wire): { close(): void } {
  const socket = createSocket(isIPv6(server.address) ? UDP_6 : UDP_4)
  let isOpen = true
  socket.on('message', onMessage)
  socket.on('error', onError)
  socket.connect(server.port, server.address, (error?: Error) => {
    if (error) onError(error)
    else if (isOpen) socket.send(message, (failure) => failure && onError(failure))
  })
  return {
    close() {
      isOpen = false
      socket.close()
    },
  }
}

/** Each message has its length before it (RFC 1035 section 4.2.2). */
function overTcp({ server, message, onMessage, onError }: Wire): { close(): void } {
  const socket = connect(server.port, server.address)
  const length = Buffer.alloc(2)
  length.writeUInt16BE(message.length)
  socket.write(Buffer.concat([length, message]))
  let received = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk])
    if (received.length < 2) return
    const end = 2 + received.readUInt16BE()
    if (end > 2 + MAX_MESSAGE) return onError(new Error('too long'))
    if (received.length < end) return
    onMessage(received.subarray(2, end))
    onError(new Error('not the reply'))
  })
  socket.on('error', onError)
  socket.on('end', () => onError(new Error('ended early')))
  return { close: () => void socket.destroy() }
}
