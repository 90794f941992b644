import type { IncomingMessage, ServerResponse } from 'node:http'
import { request } from 'node:https'

import type { Pebble } from '#test/pebble.ts'
import { startWellKnownServer, type WellKnownServer } from '#test/well-known-server.ts'

/** A signed request as the CA understands it. */
export interface Posted {
  path: string
  /** The account's address; undefined where the key itself was sent. */
  kid: string | undefined
  /** Undefined: POST-as-GET. */
  payload: Record<string, unknown> | undefined
}

/** Answers instead of the CA. @returns whether it did, or will */
export type Fault = (
  request: IncomingMessage,
  response: ServerResponse,
  posted: Posted | undefined,
) => boolean

export interface Answer {
  status: number
  headers?: Record<string, string>
  body?: string
}

/**
 * What is between us and Pebble, with Pebble's own certificate: passes everything on but what the
 * fault takes, and adds what this Pebble lacks.
 */
export interface FaultyCa extends WellKnownServer {
  readonly directoryUrl: string
  /** Roots of its own HTTPS, PEM. */
  readonly httpsRoots: string
  /** What was signed and sent to it, in order. */
  readonly posted: readonly Posted[]
  /** Undefined: none. */
  fault: Fault | undefined
  /** The next good answer to such a path is lost on its way back, once. @default none */
  loses: string | undefined
  /** Changes the body of a good answer that passes. @default as it is */
  rewrite: ((path: string, body: Buffer) => Buffer) | undefined
  /** Stands in the directory's `meta`, such as `profiles`. @default nothing more */
  meta: Record<string, unknown> | undefined
  /** Renewal information by certificate identifier (RFC 9773). @default no such service */
  renewalInfo: ((certificateId: string) => Answer) | undefined
  /** As it was at first: without a fault. */
  mend(): void
}

const RENEWAL_INFO = '/renewal-info/'

export async function startFaultyCa(pebble: Pebble): Promise<FaultyCa> {
  const posted: Posted[] = []
  const handle = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const { url: path = '/' } = incoming
    const body = await readBody(incoming)
    const post = incoming.method === 'POST' ? readPosted(path, body) : undefined
    if (post) posted.push(post)
    if (ca.fault?.(incoming, outgoing, post)) return
    if (ca.renewalInfo && path.startsWith(RENEWAL_INFO)) {
      return send(outgoing, ca.renewalInfo(path.slice(RENEWAL_INFO.length)))
    }
    pass(incoming, body, outgoing)
  }
  const server = await startWellKnownServer(
    (incoming, outgoing) => void handle(incoming, outgoing).catch(() => outgoing.destroy()),
    { tls: pebble.httpsChain },
  )
  const url = `https://localhost:${server.port}`

  const pass = (incoming: IncomingMessage, sent: Buffer, outgoing: ServerResponse): void => {
    const { method, url: path = '/', headers } = incoming
    // With the host as it came: Pebble names its own addresses by it.
    const { port, httpsRoots } = pebble
    const upstream = request({ port, host: 'localhost', ca: httpsRoots, method, path, headers })
    upstream.on('error', () => outgoing.destroy())
    upstream.on('response', async (answer) => {
      const whole = await readBody(answer)
      const isGood = answer.statusCode !== undefined && answer.statusCode < 300
      if (isGood && ca.loses !== undefined && path.startsWith(ca.loses)) {
        ca.loses = undefined
        return void outgoing.destroy()
      }
      const body = isGood ? change(path, whole) : whole
      const { 'content-length': _, ...rest } = answer.headers
      outgoing.writeHead(answer.statusCode ?? 502, rest).end(body)
    })
    upstream.end(sent)
  }
  const change = (path: string, body: Buffer): Buffer => {
    const more = path === '/dir' && (ca.meta || ca.renewalInfo) ? addTo(body) : body
    return ca.rewrite?.(path, more) ?? more
  }
  const addTo = (directory: Buffer): Buffer => {
    const { meta, ...rest } = JSON.parse(directory.toString())
    const renewalInfo = ca.renewalInfo && { renewalInfo: `${url}${RENEWAL_INFO.slice(0, -1)}` }
    return Buffer.from(JSON.stringify({ ...rest, ...renewalInfo, meta: { ...meta, ...ca.meta } }))
  }
  const mended = {
    fault: undefined,
    loses: undefined,
    rewrite: undefined,
    meta: undefined,
    renewalInfo: undefined,
  }
  const ca: FaultyCa = {
    ...server,
    ...mended,
    directoryUrl: `${url}/dir`,
    httpsRoots: pebble.httpsRoots,
    posted,
    mend: () => void Object.assign(ca, mended),
  }
  return ca
}

/** Answers the same to every request whose path begins with `path`. */
export function answering(path: string, answer: Answer): Fault {
  return (incoming, outgoing) => {
    if (!incoming.url?.startsWith(path)) return false
    send(outgoing, answer)
    return true
  }
}

/** Never answers a request whose path begins with `path`. */
export function hanging(path: string): Fault {
  return (incoming) => incoming.url?.startsWith(path) ?? false
}

/** Hands out another chain (PEM) than the one that was issued. */
export function handingOut(pem: string): (path: string, body: Buffer) => Buffer {
  return (path, body) => (path.startsWith('/certZ/') ? Buffer.from(pem) : body)
}

/** A problem document (RFC 8555 section 6.7). */
export function problem(type: string, detail: string, more: object = {}): string {
  return JSON.stringify({ type: `urn:ietf:params:acme:error:${type}`, detail, ...more })
}

function send(outgoing: ServerResponse, { status, headers = {}, body = '' }: Answer): void {
  outgoing.writeHead(status, { ...headers }).end(body)
}

async function readBody(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of message) chunks.push(chunk)
  return Buffer.concat(chunks)
}

function readPosted(path: string, body: Buffer): Posted {
  const { protected: head, payload } = JSON.parse(body.toString())
  const { kid } = JSON.parse(Buffer.from(head, 'base64url').toString())
  const text = Buffer.from(payload, 'base64url').toString()
  return { path, kid, payload: text === '' ? undefined : JSON.parse(text) }
}
