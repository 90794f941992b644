import { ByteSection } from '../byte-section.ts'
import { ChunkedDecoder, type ChunkSink } from '../chunked-decoder.ts'
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

type State = 'head' | 'length' | 'chunks' | 'until-close' | 'tunnel' | 'complete'

const NO_PIECE = Buffer.alloc(0)
/** Most heads are shorter: so much is turned into a string at first. */
const USUAL_HEAD_BYTES = 2048
/** 100, 102, 103 … before one response. */
const MAX_INFORMATIONAL = 16

/**
 * Reads the responses of one connection, strictly (RFC 9112): whatever could be read in two ways is
 * an error. Bytes are fed with `execute`; what comes after the end of a response is not consumed.
 */
export class ResponseParser implements ChunkSink {
  readonly #sink: ResponseSink
  readonly #section: ByteSection
  readonly #chunks: ChunkedDecoder
  #expected: ExpectedResponse = { isHead: false, mayUpgrade: false }
  #state: State = 'complete'
  #remaining = 0
  #informational = 0

  constructor(sink: ResponseSink, maxHeadBytes: number) {
    this.#sink = sink
    this.#section = new ByteSection(maxHeadBytes, (fault) =>
      badResponse(fault === 'too-large' ? 'response head too large' : 'malformed line'),
    )
    this.#chunks = new ChunkedDecoder(this, maxHeadBytes, (_, detail) => badResponse(detail))
  }

  /** Expects a new response. */
  begin(expected: ExpectedResponse): void {
    this.#expected = expected
    this.#state = 'head'
    this.#section.clear()
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

  onChunkData(piece: Buffer): void {
    this.#sink.onBody(piece, false)
  }

  onChunksEnd(trailers: string): void {
    this.#complete(parseTrailers(trailers))
  }

  #step(bytes: Buffer, at: number): number {
    switch (this.#state) {
      case 'head':
        return this.#readHead(bytes, at)
      case 'length':
        return this.#readCounted(bytes, at)
      case 'chunks':
        return this.#chunks.step(bytes, at)
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
    if (this.#section.length > 0) return this.#readHeadSlowly(bytes, at)
    const text = bytes.toString('latin1', at, Math.min(bytes.length, at + USUAL_HEAD_BYTES))
    const end = text.indexOf('\r\n\r\n')
    if (end < 0) return this.#readHeadSlowly(bytes, at)
    this.#onHead(parseResponseHead(text.slice(0, end)))
    return at + end + 4
  }

  #readHeadSlowly(bytes: Buffer, at: number): number {
    const section = this.#section.collect(bytes, at)
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
    else if (head.chunked) {
      this.#state = 'chunks'
      this.#chunks.begin()
    } else if (head.bodyLength > 0) {
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
    if (this.#remaining === 0) this.#state = 'complete'
    this.#sink.onBody(bytes.subarray(at, end), this.#remaining === 0)
    return end
  }

  #complete(trailers: RawHeaders): void {
    this.#state = 'complete'
    this.#sink.onComplete(trailers)
  }
}
