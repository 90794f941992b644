import { ByteSection, type SectionFault } from '../byte-section.ts'
import { ChunkedDecoder, type ChunkSink } from '../chunked-decoder.ts'
import { UNKNOWN_LENGTH, type RawHeaders } from '../exchange.ts'
import { badRequest, parseRequestHead, parseRequestTrailers } from './parse-request-head.ts'
import type { RawRequestHead } from './request-head.ts'

/** Hears what a request consists of. */
export interface RequestSink {
  /** @returns the length of the body that follows, which may be `UNKNOWN_LENGTH`: in chunks */
  onHead(head: RawRequestHead): number
  /** A view of the bytes fed in. */
  onBody(piece: Buffer): void
  /** The request is complete. Also comes where there is no body. */
  onComplete(trailers: RawHeaders): void
}

type State = 'head' | 'length' | 'chunks'

/** Most heads are shorter: so much is turned into a string at first. */
const USUAL_HEAD_BYTES = 2048
const CR = 0x0d
const LF = 0x0a
const NO_TRAILERS: RawHeaders = []

/**
 * Reads the requests of one connection, strictly (RFC 9112): whatever could be read in two ways is an
 * error, after which the parser must not be used again.
 */
export class RequestParser implements ChunkSink {
  readonly #sink: RequestSink
  readonly #maxHeadBytes: number
  readonly #section: ByteSection
  readonly #chunks: ChunkedDecoder
  #state: State = 'head'
  #remaining = 0
  #skippedLine = false

  constructor(sink: RequestSink, maxHeadBytes: number) {
    this.#sink = sink
    this.#maxHeadBytes = maxHeadBytes
    this.#section = new ByteSection(maxHeadBytes, headFault)
    this.#chunks = new ChunkedDecoder(this, maxHeadBytes, bodyFault)
  }

  /** Some bytes of a head have come. */
  get hasPartialHead(): boolean {
    return this.#section.length > 0
  }

  /**
   * Reads one part of a request (a head, a piece of a body) from `at` on, which must be within `bytes`.
   *
   * @returns where what follows begins
   * @throws {ProxyError} bad_request, bad_framing, headers_too_large
   */
  step(bytes: Buffer, at: number): number {
    switch (this.#state) {
      case 'head':
        return this.#readHead(bytes, at)
      case 'length':
        return this.#readCounted(bytes, at)
      case 'chunks':
        return this.#chunks.step(bytes, at)
      default:
        return this.#state satisfies never
    }
  }

  onChunkData(piece: Buffer): void {
    this.#sink.onBody(piece)
  }

  onChunksEnd(trailers: string): void {
    const fields = parseRequestTrailers(trailers)
    this.#state = 'head'
    this.#sink.onComplete(fields)
  }

  #readHead(bytes: Buffer, at: number): number {
    if (this.#section.length > 0) return this.#readHeadInPieces(bytes, at)
    if (this.#isEmptyLine(bytes, at)) {
      this.#skippedLine = true
      return at + 2
    }
    // Something else than HTTP is told from its first byte: nothing is gained by waiting for more.
    if (!isLetter(bytes[at]) && bytes[at] !== CR) throw badRequest('not a method')
    const text = bytes.toString('latin1', at, Math.min(bytes.length, at + USUAL_HEAD_BYTES))
    const end = text.indexOf('\r\n\r\n')
    if (end < 0 || end > this.#maxHeadBytes) return this.#readHeadInPieces(bytes, at)
    this.#onHead(text.slice(0, end))
    return at + end + 4
  }

  #readHeadInPieces(bytes: Buffer, at: number): number {
    const section = this.#section.collect(bytes, at)
    if (section === undefined) return bytes.length
    this.#onHead(section.text)
    return section.next
  }

  /** One empty line before a request is overlooked (RFC 9112 section 2.2). */
  #isEmptyLine(bytes: Buffer, at: number): boolean {
    return !this.#skippedLine && bytes[at] === CR && bytes[at + 1] === LF
  }

  #onHead(text: string): void {
    const hasEmptyLine = !this.#skippedLine && text.startsWith('\r\n')
    const head = parseRequestHead(hasEmptyLine ? text.slice(2) : text)
    this.#skippedLine = false
    const length = this.#sink.onHead(head)
    if (length === 0) return this.#sink.onComplete(NO_TRAILERS)
    this.#remaining = length
    this.#state = length === UNKNOWN_LENGTH ? 'chunks' : 'length'
    this.#chunks.begin()
  }

  #readCounted(bytes: Buffer, at: number): number {
    const end = Math.min(bytes.length, at + this.#remaining)
    this.#remaining -= end - at
    this.#sink.onBody(bytes.subarray(at, end))
    if (this.#remaining > 0) return end
    this.#state = 'head'
    this.#sink.onComplete(NO_TRAILERS)
    return end
  }
}

function isLetter(byte = 0): boolean {
  const lower = byte | 0x20
  return lower >= 0x61 && lower <= 0x7a
}

function headFault(fault: SectionFault): Error {
  if (fault === 'too-large') return badRequest('head too large', 'headers_too_large')
  return badRequest('malformed line')
}

function bodyFault(fault: SectionFault, detail: string): Error {
  return badRequest(detail, fault === 'too-large' ? 'headers_too_large' : 'bad_framing')
}
