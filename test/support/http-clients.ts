import { once } from 'node:events'
import { Agent, request as requestHttp, type IncomingMessage } from 'node:http'
import { Agent as TlsAgent, request as requestHttps } from 'node:https'
import {
  connect as connectHttp2,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2'
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'

/** An answer as a client saw it. */
export interface Answer {
  status: number
  reason: string
  headers: IncomingHttpHeaders
  rawHeaders: string[]
  trailers: Record<string, unknown>
  body: string
}

export interface RequestOptions {
  method?: string
  path?: string
  headers?: Record<string, string | string[]>
  body?: string | Buffer
}

export interface ClientOptions {
  port: number
  /** Sent as Host, and as server name. */
  host: string
  /** Roots to trust: speaks TLS. @default plain */
  ca?: string
}

/** An HTTP/1.1 client that keeps one connection. */
export interface Http1Client extends Disposable {
  request(options?: RequestOptions): Promise<Answer>
  /** The response as soon as its head is there. */
  open(
    options?: RequestOptions & { write?: (request: NodeJS.WritableStream) => void },
  ): Promise<IncomingMessage>
}

export function http1Client({ port, host, ca }: ClientOptions): Http1Client {
  const options = { keepAlive: true, maxSockets: 1 }
  const agent = ca === undefined ? new Agent(options) : new TlsAgent({ ...options, ca })
  const send = ca === undefined ? requestHttp : requestHttps
  const open: Http1Client['open'] = ({ method = 'GET', path = '/', headers, body, write } = {}) =>
    new Promise((resolve, reject) => {
      const request = send(
        {
          host: '127.0.0.1',
          port,
          agent,
          method,
          path,
          ...(ca !== undefined && { servername: host, ALPNProtocols: ['http/1.1'] }),
          headers: { Host: host, ...headers },
        },
        resolve,
      )
      request.on('error', reject)
      if (write) write(request)
      else request.end(body)
    })
  return {
    open,
    request: async (options) => readAnswer(await open(options)),
    [Symbol.dispose]: () => agent.destroy(),
  }
}

/** @throws when the response breaks off */
export async function readAnswer(response: IncomingMessage): Promise<Answer> {
  const pieces: Buffer[] = []
  for await (const piece of response) pieces.push(piece as Buffer)
  return {
    status: response.statusCode ?? 0,
    reason: response.statusMessage ?? '',
    headers: response.headers,
    rawHeaders: response.rawHeaders,
    trailers: response.trailers,
    body: Buffer.concat(pieces).toString('latin1'),
  }
}

/** An HTTP/2 client on one connection. */
export interface Http2Client extends Disposable {
  readonly session: ClientHttp2Session
  request(headers?: OutgoingHttpHeaders, body?: string | Buffer): Promise<Answer>
  open(headers?: OutgoingHttpHeaders, options?: { endStream?: boolean }): ClientHttp2Stream
}

export async function http2Client(options: ClientOptions & { ca: string }): Promise<Http2Client> {
  const { port, host, ca } = options
  const session = connectHttp2(`https://${host}:${port}`, {
    createConnection: () =>
      connectTls({ host: '127.0.0.1', port, servername: host, ca, ALPNProtocols: ['h2'] }),
  })
  session.on('error', () => {})
  await once(session, 'remoteSettings')
  const open: Http2Client['open'] = (headers, streamOptions) =>
    session.request({ ':path': '/', ':authority': host, ...headers }, streamOptions)
  return {
    session,
    open,
    request: (headers, body) => {
      const stream = open(headers, { endStream: body === undefined })
      if (body !== undefined) stream.end(body)
      return readStream(stream)
    },
    [Symbol.dispose]: () => session.destroy(),
  }
}

/** @throws when the stream is reset */
export async function readStream(stream: ClientHttp2Stream): Promise<Answer> {
  let headers: IncomingHttpHeaders = {}
  let trailers: Record<string, unknown> = {}
  stream.once('response', (received) => {
    headers = received
  })
  stream.once('trailers', (received) => {
    trailers = received
  })
  const pieces: Buffer[] = []
  for await (const piece of stream) pieces.push(piece as Buffer)
  if (stream.rstCode !== 0) throw new Error(`stream was reset: ${stream.rstCode}`)
  return {
    status: Number(headers[':status']),
    reason: '',
    headers,
    rawHeaders: [],
    trailers,
    body: Buffer.concat(pieces).toString('latin1'),
  }
}

/** Sends bytes and collects what comes until the other side closes. */
export async function exchangeRaw(port: number, bytes: string | Buffer): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1' })
  socket.on('error', () => {})
  socket.write(bytes, 'latin1')
  return readAll(socket)
}

export async function readAll(socket: Socket): Promise<string> {
  let text = ''
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1')
  })
  // Not events.once: an error is an end like any other.
  if (!socket.destroyed) await new Promise((resolve) => socket.once('close', resolve))
  return text
}

/** The status of each response in a raw answer. */
export function statuses(raw: string): number[] {
  return [...raw.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => Number(match[1]))
}
