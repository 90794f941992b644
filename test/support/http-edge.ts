import { once } from 'node:events'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { createSecureContext, TLSSocket, type SecureContext } from 'node:tls'

import type { Binding, BindingOrigin } from '#domain/binding.ts'
import type { Hostname } from '#domain/hostname.ts'
import type { BindingLookup } from '#edge/connection.ts'
import type { HttpLimits } from '#edge/http-limits.ts'
import {
  createHttpProtocols,
  type HttpProtocols,
  type HttpProtocolsOptions,
} from '#edge/http-protocols.ts'
import { createAccessLog } from '#edge/proxy/access-log.ts'
import { systemClock } from '#lib/clock.ts'
import { silentLogger } from '#lib/log.ts'
import { Metrics } from '#lib/metrics.ts'
import { systemRandom } from '#lib/random.ts'
import type { DevChain } from '#test/dev-certs.ts'
import { aBinding } from '#test/test-binding.ts'

/** The edge's HTTP side behind a bare listener: TLS by hand, bindings from a map. */
export interface HttpEdge extends AsyncDisposable {
  /** Speaks TLS, if a certificate was given. */
  readonly tlsPort: number
  /** The same protocol rooms without TLS. */
  readonly plainPort: number
  readonly bindings: Map<string, Binding | undefined>
  readonly protocols: HttpProtocols
  /** Access log so far. */
  readonly accessLog: Record<string, unknown>[]
  /** A metric's values by its labels joined with `,`; or under '' where it has none. */
  metric(name: string): Promise<Record<string, number>>
}

export interface HttpEdgeOptions extends Partial<
  Omit<HttpProtocolsOptions, 'bindings' | 'metrics' | 'accessLog'>
> {
  limits?: Partial<HttpLimits>
  /** What `app.customer.test` is served from; more names through `bindings`. */
  origin?: BindingOrigin
  /** Of the one certificate that the TLS port shows. */
  tls?: Pick<DevChain, 'certPem' | 'keyPem'>
  /** The binding the TLS connection was made for. @default app.customer.test's */
  tlsBinding?: Partial<Binding>
  /** Asked instead of the map. */
  lookup_?: BindingLookup
}

export const HOST = 'app.customer.test'

export async function startHttpEdge(options: HttpEdgeOptions = {}): Promise<HttpEdge> {
  const { origin, tls, tlsBinding, lookup_, limits, ...rest } = options
  const own = aBinding(HOST, { origin, ...tlsBinding })
  const bindings = new Map<string, Binding | undefined>([[HOST, own]])
  const metrics = new Metrics()
  const accessLog: Record<string, unknown>[] = []
  const write = (lines: string): void => {
    for (const line of lines.trim().split('\n')) accessLog.push(JSON.parse(line))
  }
  const protocols = createHttpProtocols({
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    ...rest,
    limits: { sweepMs: 20, ...limits },
    metrics,
    bindings: lookup_ ?? { find: (name: Hostname) => bindings.get(name) },
    accessLog: createAccessLog({ clock: rest.clock ?? systemClock, write, flushMs: 1 }),
  })
  const sockets = new Set<Socket>()
  const plain = await listen((socket) => acceptPlain(socket, protocols), sockets)
  const context = tls && createSecureContext({ cert: tls.certPem, key: tls.keyPem })
  const secure = await listen(
    (socket) => acceptTls(socket, { protocols, context, binding: own }),
    sockets,
  )
  return {
    plainPort: portOf(plain),
    tlsPort: portOf(secure),
    bindings,
    protocols,
    accessLog,
    metric: (name) => readMetric(metrics, name),
    async [Symbol.asyncDispose]() {
      const aborted = AbortSignal.abort()
      plain.close()
      secure.close()
      await Promise.all([protocols.http1.drain(aborted), protocols.http2.drain(aborted)])
      await protocols.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}

async function listen(accept: (socket: Socket) => void, sockets: Set<Socket>): Promise<Server> {
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    socket.on('error', () => {})
    accept(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}

function acceptPlain(socket: Socket, protocols: HttpProtocols): void {
  protocols.http1.accept(socket, {
    scheme: 'http',
    remoteAddress: socket.remoteAddress ?? '',
    remotePort: socket.remotePort ?? 0,
    localPort: socket.localPort ?? 0,
    tls: undefined,
  })
}

interface TlsParts {
  protocols: HttpProtocols
  context: SecureContext | undefined
  binding: Binding
}

function acceptTls(raw: Socket, { protocols, context, binding }: TlsParts): void {
  if (!context) return void raw.destroy()
  const ALPNProtocols = ['h2', 'http/1.1']
  const socket = new TLSSocket(raw, { isServer: true, secureContext: context, ALPNProtocols })
  socket.on('error', () => {})
  socket.once('secure', () => {
    // What tls.Server does; an HTTP/2 session waits for it.
    Object.assign(socket, { secureConnecting: false })
    const alpn = socket.alpnProtocol === 'h2' ? 'h2' : 'http/1.1'
    const room = alpn === 'h2' ? protocols.http2 : protocols.http1
    room.accept(socket, {
      scheme: 'https',
      remoteAddress: raw.remoteAddress ?? '',
      remotePort: raw.remotePort ?? 0,
      localPort: raw.localPort ?? 0,
      tls: {
        serverName: binding.hostname,
        binding,
        version: socket.getProtocol() ?? '',
        cipher: socket.getCipher().name,
        resumed: socket.isSessionReused(),
        keyAlgorithm: 'ecdsa',
        alpn,
      },
    })
  })
}

async function readMetric(metrics: Metrics, name: string): Promise<Record<string, number>> {
  const values: Record<string, number> = {}
  for (const metric of await metrics.snapshot()) {
    if (metric.name !== name) continue
    for (const { labels, value } of metric.values) {
      values[Object.values(labels).join(',')] = value
    }
  }
  return values
}
