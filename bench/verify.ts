import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { OutgoingHttpHeaders } from 'node:http'
import { request } from 'node:https'
import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2'
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls'

import { LARGE_BODY, ORIGIN_HEADER, SMALL_BODY } from './origin.ts'
import { SIGNATURE_ALGORITHMS } from './load/connections.ts'
import type { Protocol, RunningOpponent } from './opponents/opponent.ts'

interface Answer {
  status: number | undefined
  headers: Record<string, unknown>
  body: Buffer
}

const TIMEOUT_MS = 5_000

/**
 * All that must be the same before speeds may be compared. Chains are verified here.
 *
 * @returns one sentence for each thing that is wrong
 */
export async function verify(
  running: Pick<RunningOpponent, 'port' | 'ca'>,
  hostname: string,
  protocols: readonly Protocol[],
): Promise<string[]> {
  const options = { host: '127.0.0.1', port: running.port, servername: hostname, ca: running.ca }
  const wrong: string[] = []
  for (const protocol of protocols) {
    const get = protocol === 'h2' ? getByHttp2 : getByHttp1
    const path = (name: string): Promise<Answer> => get({ ...options, hostname }, name)
    const checks: (() => Promise<string[]>)[] = [
      async () => judgeSmall(await path('/small')),
      async () => judgeLarge(await path('/large')),
      async () => judgeForwarded((await path('/echo')).body.toString('latin1'), hostname),
      () => judgeHandshake(options, protocol),
    ]
    for (const check of checks) wrong.push(...(await check().catch(describeFailure)))
  }
  return wrong
}

function describeFailure(error: unknown): string[] {
  return [error instanceof Error ? (error.stack ?? error.message) : String(error)]
}

function judgeSmall({ status, headers, body }: Answer): string[] {
  const expected = {
    'content-type': 'text/plain',
    'content-length': String(SMALL_BODY.length),
    'cache-control': 'no-store',
    [ORIGIN_HEADER.name]: ORIGIN_HEADER.value,
  }
  const headerProblems = Object.entries(expected)
    .filter(([name, value]) => headers[name] !== value)
    .map(([name, value]) => `/small has ${name}: ${String(headers[name])}, expected ${value}`)
  if (status !== 200) headerProblems.push(`/small has status ${status}`)
  if (body.toString('latin1') !== SMALL_BODY) headerProblems.push('/small has another body')
  return headerProblems
}

function judgeLarge({ status, body }: Answer): string[] {
  const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')
  return status === 200 && digest(body) === digest(LARGE_BODY) ? [] : ['/large has another body']
}

/** What the origin must have been sent, as its echo shows it. */
function judgeForwarded(head: string, hostname: string): string[] {
  const lines = head.split('\r\n')
  const has = (name: string, value: string): boolean =>
    lines.some((line) => line.toLowerCase().replace(/^([^:]+):\s*/, '$1: ') === `${name}: ${value}`)
  return [
    lines[0] !== 'GET /echo HTTP/1.1' && `the origin was sent ${lines[0]}`,
    !has('host', hostname) && 'the origin was sent another Host',
    !has('x-forwarded-for', '127.0.0.1') && 'the origin was sent no X-Forwarded-For',
    !has('x-forwarded-proto', 'https') && 'the origin was sent no X-Forwarded-Proto',
    has('connection', 'close') && 'the origin was told to close the connection',
  ].filter((problem) => problem !== false)
}

/** ALPN, version, the chain each client gets, and that sessions are resumed. */
async function judgeHandshake(options: ConnectionOptions, protocol: Protocol): Promise<string[]> {
  const offer = { ...options, ALPNProtocols: [protocol], ecdhCurve: 'X25519' }
  const wrong: string[] = []
  const first = await handshake(offer)
  if (first.alpn !== protocol) wrong.push(`negotiated ${String(first.alpn)}, not ${protocol}`)
  if (first.version !== 'TLSv1.3') wrong.push(`negotiated ${first.version}, not TLSv1.3`)
  if (first.keyType !== 'ec') wrong.push(`a default client got a key of type ${first.keyType}`)
  const rsa = await handshake({ ...offer, sigalgs: SIGNATURE_ALGORITHMS.rsa })
  if (rsa.keyType !== 'rsa') wrong.push(`an RSA-only client got a key of type ${rsa.keyType}`)
  const second = await handshake({ ...offer, ...(first.session && { session: first.session }) })
  if (!second.resumed) wrong.push('a session was not resumed')
  return wrong
}

interface Handshake {
  alpn: string | false | null
  version: string | null
  keyType: string | undefined
  resumed: boolean
  session: Buffer | undefined
}

/** One connection, held until its ticket has come (TLS 1.3 sends it after the handshake). */
async function handshake(options: ConnectionOptions): Promise<Handshake> {
  const socket = await secure(options)
  try {
    const resumed = socket.isSessionReused()
    const session = resumed ? undefined : await nextSession(socket)
    const { alpnProtocol: alpn } = socket
    const keyType = socket.getPeerX509Certificate()?.publicKey.asymmetricKeyType
    return { alpn, version: socket.getProtocol(), keyType, resumed, session }
  } finally {
    socket.destroy()
  }
}

const tickets = new WeakMap<TLSSocket, Buffer>()

async function secure(options: ConnectionOptions): Promise<TLSSocket> {
  const socket = connect(options)
  socket.on('session', (session) => tickets.set(socket, session))
  await once(socket, 'secureConnect', { signal: AbortSignal.timeout(TIMEOUT_MS) })
  return socket
}

async function nextSession(socket: TLSSocket): Promise<Buffer | undefined> {
  // A paused socket reads nothing, so no ticket would be seen.
  socket.resume()
  if (!tickets.has(socket)) {
    await once(socket, 'session', { signal: AbortSignal.timeout(TIMEOUT_MS) }).catch(() => {})
  }
  return tickets.get(socket)
}

type GetOptions = ConnectionOptions & { hostname: string }

async function getByHttp1({ hostname, ...options }: GetOptions, path: string): Promise<Answer> {
  const call = request({
    ...options,
    host: '127.0.0.1',
    path,
    agent: false,
    headers: { host: hostname, connection: 'keep-alive' },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  }).end()
  const [response] = await once(call, 'response')
  const body = Buffer.concat(await response.toArray())
  return { status: response.statusCode, headers: response.headers, body }
}

async function getByHttp2({ hostname, ...options }: GetOptions, path: string): Promise<Answer> {
  const session = connectHttp2(`https://${hostname}`, {
    createConnection: () => connect({ ...options, ALPNProtocols: ['h2'] }),
  })
  try {
    return await getOnSession(session, { ':authority': hostname, ':path': path })
  } finally {
    session.destroy()
  }
}

async function getOnSession(
  session: ClientHttp2Session,
  head: OutgoingHttpHeaders,
): Promise<Answer> {
  const signal = AbortSignal.timeout(TIMEOUT_MS)
  session.on('error', () => {})
  const stream = session.request(head, { signal })
  const [headers] = await once(stream, 'response', { signal })
  const body = Buffer.concat(await stream.toArray())
  return { status: headers[':status'], headers, body }
}
