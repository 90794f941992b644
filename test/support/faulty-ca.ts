import type { IncomingMessage, ServerResponse } from 'node:http'
import { request } from 'node:https'

import type { Pebble } from '#test/pebble.ts'
import { startWellKnownServer, type WellKnownServer } from '#test/well-known-server.ts'

/** Answers instead of the CA. @returns whether it did, or will */
export type Fault = (request: IncomingMessage, response: ServerResponse) => boolean

/**
 * What is between us and Pebble, with Pebble's own certificate: passes everything on but what the
 * fault takes.
 */
export interface FaultyProxy extends WellKnownServer {
  readonly directoryUrl: string
  /** Undefined: none. */
  fault: Fault | undefined
  /** The next good answer to such a path is lost on its way back, once. @default none */
  loses: string | undefined
  /** Changes the body of a good answer that passes. @default as it is */
  rewrite: ((path: string, body: Buffer) => Buffer) | undefined
}

export async function startFaultyProxy(pebble: Pebble): Promise<FaultyProxy> {
  const handle = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    if (!proxy.fault?.(incoming, outgoing)) pass(incoming, outgoing)
  }
  const server = await startWellKnownServer(handle, { tls: pebble.httpsChain })
  const pass = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    const { method, url: path = '/', headers } = incoming
    const upstream = request(
      {
        port: pebble.port,
        host: 'localhost',
        ca: pebble.httpsRoots,
        method,
        path,
        // With the host as it came: Pebble names its own addresses by it.
        headers,
      },
      (answer) => {
        const chunks: Buffer[] = []
        answer.on('data', (chunk: Buffer) => chunks.push(chunk))
        answer.on('end', () => {
          const whole = Buffer.concat(chunks)
          const isGood = answer.statusCode !== undefined && answer.statusCode < 300
          if (isGood && proxy.loses !== undefined && path.startsWith(proxy.loses)) {
            proxy.loses = undefined
            outgoing.destroy()
            return
          }
          const body = (isGood && proxy.rewrite?.(path, whole)) || whole
          const { 'content-length': _, ...rest } = answer.headers
          outgoing.writeHead(answer.statusCode ?? 502, rest).end(body)
        })
      },
    )
    upstream.on('error', () => outgoing.destroy())
    incoming.pipe(upstream)
  }
  const proxy: FaultyProxy = {
    ...server,
    directoryUrl: `https://localhost:${server.port}/dir`,
    fault: undefined,
    loses: undefined,
    rewrite: undefined,
  }
  return proxy
}

/** Answers the same to every request whose path begins with `path`. */
export function answering(
  path: string,
  { status, headers = {}, body = '' }: { status: number; headers?: object; body?: string },
): Fault {
  return (incoming, outgoing) => {
    if (!incoming.url?.startsWith(path)) return false
    incoming.resume()
    outgoing.writeHead(status, { ...headers }).end(body)
    return true
  }
}
