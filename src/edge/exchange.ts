import type { Hostname } from '#domain/hostname.ts'

import type { Connection } from './connection.ts'
import type { ProxyError, ProxyErrorKind } from './error.ts'

/** Names and values in turn, in order, as on the wire. Each character is one byte (latin1). */
export type RawHeaders = string[]

/** Fields as lines. */
export function renderFields(fields: RawHeaders): string {
  let text = ''
  for (let i = 0; i < fields.length; i += 2) text += `${fields[i]}: ${fields[i + 1]}\r\n`
  return text
}

/** A body whose length is known only when it ends. */
export const UNKNOWN_LENGTH = -1

/**
 * One request and its response, the same for HTTP/1.1 and HTTP/2: the proxy never asks which.
 *
 * What belongs to one connection only (Connection and what it names, Transfer-Encoding, Upgrade, TE,
 * Expect, pseudo-headers, Host) is taken out by the protocol room and stands in fields of its own, so
 * `headers` holds end-to-end fields alone. All fields are set at creation.
 *
 * Order of calls: `open` once; then `read` if `bodyLength` is not 0; any number of `inform`; then
 * `respond`, `write`…, `end`; or `switchProtocols`, `write`…, `end`; `reset` at any time. After the
 * end, calls are ignored.
 */
export interface Exchange {
  readonly connection: Connection
  /** As written in Via: of the connection the request came on. */
  readonly httpVersion: '1.0' | '1.1' | '2'
  /** Case-sensitive token. For a WebSocket handshake always GET. */
  readonly method: string
  /** The host asked for; undefined only together with `problem`. */
  readonly hostname: Hostname | undefined
  /** Host and port as the client wrote them. */
  readonly authority: string
  /** Origin-form with query, or `*`. */
  readonly path: string
  /** Without Content-Length, which `bodyLength` says. */
  readonly headers: RawHeaders
  /** Bytes of the body to come; 0: none; `UNKNOWN_LENGTH`: until it ends. */
  readonly bodyLength: number
  /** The client waits for `inform(100)` before it sends its body (RFC 9110 section 10.1.1). */
  readonly expectsContinue: boolean
  /** The client accepts trailers (TE: trailers). */
  readonly acceptsTrailers: boolean
  /** The client wants to speak the WebSocket protocol: `switchProtocols` grants it. */
  readonly wantsWebSocket: boolean
  /** Why the request must be answered without an origin. */
  readonly problem: ProxyError | undefined
  /** Body bytes, both counted as they pass. */
  bytesIn: number
  bytesOut: number

  /** Names who hears of events. Nothing is delivered before. */
  open(handler: ExchangeHandler): void
  /** Lets body bytes come. */
  read(): void
  /** Stops body bytes; a few that were already read may still come. */
  pause(): void
  resume(): void

  /** Sends an informational response (100, 102, 103). */
  inform(status: number, headers: RawHeaders): void
  /**
   * Sends the response head.
   *
   * @param head `headers` without framing; `bodyLength` 0 for "none", which says nothing of HEAD
   */
  respond(head: ResponseHead): void
  /** Grants the WebSocket handshake; from now on body bytes are the tunnel's, both ways. */
  switchProtocols(headers: RawHeaders): void
  /**
   * @param onTaken called later, once the bytes are not needed any more; perhaps never
   * @returns false where the client is slow: wait for `onDrain`
   */
  write(chunk: Uint8Array, onTaken?: () => void): boolean
  /** Ends the body, with its last piece and trailers if any. */
  end(chunk?: Uint8Array, trailers?: RawHeaders): void
  /** Breaks the exchange off so that the client sees it: never a well-formed end. */
  reset(reason: ProxyErrorKind): void
}

export interface ResponseHead {
  status: number
  /** Reason phrase, for who can carry one. */
  reason: string
  headers: RawHeaders
  /** What Content-Length is to say; `UNKNOWN_LENGTH` for a body until its end. */
  bodyLength: number
  /** No body follows, whatever `bodyLength` says: HEAD, 204, 304. */
  bodiless: boolean
  /** Trailers may follow. */
  trailers: boolean
}

/** The proxy's side. Calls come one at a time, never from inside `open`. */
export interface ExchangeHandler {
  /** The piece belongs to the receiver. */
  onRequestData(chunk: Uint8Array): void
  /** The body is complete. In a tunnel: the client sends no more. */
  onRequestEnd(trailers: RawHeaders): void
  /** The body broke the protocol's rules; an answer may still be given. */
  onRequestError(error: ProxyError): void
  /** The client takes bytes again. */
  onDrain(): void
  /** Exactly once, last. `completed`: the whole response was handed to the connection. */
  onClose(completed: boolean): void
}

/** Takes an exchange over; never throws. */
export type ExchangeListener = (exchange: Exchange) => void
