import type { RawHeaders } from '../exchange.ts'
import {
  badResponse,
  parseResponseHead,
  parseTrailers,
  type UpstreamHead,
} from './response-head.ts'

/** Hears what a response consists of. Pieces are views of the bytes fed in: copy to keep. */
export interface ResponseSink {
  onInformational(status: number, headers: RawHeaders): void
  onHead(head: UpstreamHead): void
  /** `last`: the response is complete, and had no trailers. */
  onBody(piece: Buffer, last: boolean): void
  /** The response is complete; not called after a `last` piece. */
  onComplete(trailers: RawHeaders): void
}

export interface ExpectedResponse {
  /** The answer to HEAD has no body whatever it says. */
  isHead: boolean
  /** A 101 may come. */
  mayUpgrade: boolean
}

type State =
  | 'head'
  | 'length'
  | 'chunk-size'
  | 'chunk-data'
  | 'chunk-end'
  | 'trailers'
  | 'until-close'
  | 'tunnel'
  | 'complete'

const END_OF_HEAD = Buffer.from('\r\n\r\n')
const NO_PIECE = Buffer.alloc(0)
const CR = 0x0d
const LF = 0x0a
/** Most heads are shorter: so much is turned into a string at first. */
const USUAL_HEAD_BYTES = 2048
/** Chunk size, with extensions, which are ignored. */
const MAX_CHUNK_LINE = 1024
// eslint-disable-next-line no-control-regex -- a chunk extension has no controls
const CHUNK_LINE = /^([0-9A-Fa-f]{1,12})(?:[ \t]*;[^\x00-\x08\x0a-\x1f\x7f]*)?$/
/** 100, 102, 103 … before one response. */
const MAX_INFORMATIONAL = 16

/**
 * Reads the responses of one connection, strictly (RFC 9112): whatever could be read in two ways is
 * an error. Bytes are fed with `execute`; what comes after the end of a response is not consumed.
 */
export class ResponseParser {
  readonly #sink: ResponseSink
  readonly #maxHeadBytes: number
  #expected: ExpectedResponse = { isHead: false, mayUpgrade: false }
  #state: State = 'complete'
  #remaining = 0
  #informational = 0
  /** Bytes of an unfinished head, trailer section or chunk line. */
  #pending = Buffer.alloc(0)
  #pendingLength = 0

  constructor(sink: ResponseSink, maxHeadBytes: number) {
    this.#sink = sink
    this.#maxHeadBytes = maxHeadBytes
  }

  /** Expects a new response. */
  begin(expected: ExpectedResponse): void {
    this.#expected = expected
    this.#state = 'head'
    this.#pendingLength = 0
    this.#informational = 0
  }

  get isComplete(): boolean {
    return this.#state === 'complete'
  }

  /**
   * @returns how many bytes were consumed: all, unless the response ended before
   * @throws {ProxyError} upstream_bad_response
   */
  execute(bytes: Buffer): number {
    let at = 0
    while (at < bytes.length && this.#state !== 'complete') at = this.#step(bytes, at)
    return at
  }

  /** The connection ended. @returns whether that is a proper end of the response */
  finish(): boolean {
    if (this.#state === 'until-close' || this.#state === 'tunnel') this.#complete([])
    return this.#state === 'complete'
  }

  #step(bytes: Buffer, at: number): number {
    switch (this.#state) {
      case 'head':
        return this.#readHead(bytes, at)
      case 'length':
      case 'chunk-data':
        return this.#readCounted(bytes, at)
      case 'chunk-size':
        return this.#readChunkSize(bytes, at)
      case 'chunk-end':
        return this.#readChunkEnd(bytes, at)
      case 'trailers':
        return this.#readTrailers(bytes, at)
      case 'until-close':
      case 'tunnel':
        this.#sink.onBody(at === 0 ? bytes : bytes.subarray(at), false)
        return bytes.length
      case 'complete':
        return at
      default:
        return this.#state satisfies never
    }
  }

  #readHead(bytes: Buffer, at: number): number {
    if (this.#pendingLength > 0) return this.#readHeadSlowly(bytes, at)
    const text = bytes.toString('latin1', at, Math.min(bytes.length, at + USUAL_HEAD_BYTES))
    const end = text.indexOf('\r\n\r\n')
    if (end < 0) return this.#readHeadSlowly(bytes, at)
    this.#onHead(parseResponseHead(text.slice(0, end)))
    return at + end + 4
  }

  #readHeadSlowly(bytes: Buffer, at: number): number {
    const section = this.#collect(bytes, at)
    if (section === undefined) return bytes.length
    this.#onHead(parseResponseHead(section.text))
    return section.next
  }

  #onHead(head: UpstreamHead): void {
    if (head.status >= 200) return this.#onFinalHead(head)
    if (head.status === 101) {
      if (!this.#expected.mayUpgrade) throw badResponse('101 without a request to upgrade')
      this.#state = 'tunnel'
      return this.#sink.onHead(head)
    }
    if (++this.#informational > MAX_INFORMATIONAL) {
      throw badResponse(`more than ${MAX_INFORMATIONAL} informational responses`)
    }
    this.#sink.onInformational(head.status, head.headers)
  }

  #onFinalHead(head: UpstreamHead): void {
    if (head.status === 204) head.bodyLength = 0
    const isBodiless = this.#expected.isHead || head.status === 204 || head.status === 304
    if (isBodiless || head.bodyLength === 0) this.#state = 'complete'
    else if (head.chunked) this.#state = 'chunk-size'
    else if (head.bodyLength > 0) {
      this.#state = 'length'
      this.#remaining = head.bodyLength
    } else {
      this.#state = 'until-close'
      head.keepAlive = false
    }
    this.#sink.onHead(head)
    if (this.isComplete) this.#sink.onBody(NO_PIECE, true)
  }

  #readCounted(bytes: Buffer, at: number): number {
    const end = Math.min(bytes.length, at + this.#remaining)
    this.#remaining -= end - at
    const isDone = this.#remaining === 0
    const isLast = isDone && this.#state === 'length'
    if (isLast) this.#state = 'complete'
    else if (isDone) this.#state = 'chunk-end'
    this.#sink.onBody(bytes.subarray(at, end), isLast)
    return end
  }

  #readChunkSize(bytes: Buffer, at: number): number {
    const end = bytes.indexOf(LF, at)
    const length = (end < 0 ? bytes.length : end + 1) - at
    if (this.#pendingLength + length > MAX_CHUNK_LINE) throw badResponse('chunk line too long')
    this.#append(bytes, at, at + length)
    if (end < 0) return bytes.length
    this.#onChunkLine(this.#pending.toString('latin1', 0, this.#pendingLength))
    return end + 1
  }

  #onChunkLine(line: string): void {
    this.#pendingLength = 0
    const match = line.endsWith('\r\n') ? CHUNK_LINE.exec(line.slice(0, -2)) : null
    if (!match) throw badResponse('malformed chunk size')
    this.#remaining = Number.parseInt(match[1] ?? '', 16)
    this.#state = this.#remaining === 0 ? 'trailers' : 'chunk-data'
  }

  #readChunkEnd(bytes: Buffer, at: number): number {
    const expected = this.#pendingLength === 0 ? CR : LF
    if (bytes[at] !== expected) throw badResponse('chunk longer than its size says')
    this.#pendingLength = expected === CR ? 1 : 0
    if (expected === LF) this.#state = 'chunk-size'
    return at + 1
  }

  #readTrailers(bytes: Buffer, at: number): number {
    // Without trailers the section is just the empty line.
    if (this.#pendingLength < 2) {
      this.#append(bytes, at, at + 1)
      if (this.#pendingLength === 2 && this.#pending[0] === CR && this.#pending[1] === LF) {
        this.#complete([])
      }
      return at + 1
    }
    const section = this.#collect(bytes, at)
    if (section === undefined) return bytes.length
    this.#complete(parseTrailers(section.text))
    return section.next
  }

  #complete(trailers: RawHeaders): void {
    this.#pendingLength = 0
    this.#state = 'complete'
    this.#sink.onComplete(trailers)
  }

  /** Collects a section until its empty line; undefined while that has not come. */
  #collect(bytes: Buffer, at: number): { text: string; next: number } | undefined {
    const before = this.#pendingLength
    const limit = this.#maxHeadBytes - before
    this.#append(bytes, at, Math.min(bytes.length, at + limit))
    const from = Math.max(0, before - 3)
    const end = this.#pending.subarray(0, this.#pendingLength).indexOf(END_OF_HEAD, from)
    if (end < 0) {
      if (bytes.length - at > limit) throw badResponse('response head too large')
      return undefined
    }
    this.#pendingLength = 0
    return { text: this.#pending.toString('latin1', 0, end), next: at + end + 4 - before }
  }

  #append(bytes: Buffer, from: number, to: number): void {
    const needed = this.#pendingLength + to - from
    if (needed > this.#pending.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(256, needed, this.#pending.length * 2))
      this.#pending.copy(larger, 0, 0, this.#pendingLength)
      this.#pending = larger
    }
    bytes.copy(this.#pending, this.#pendingLength, from, to)
    this.#pendingLength = needed
  }
}
