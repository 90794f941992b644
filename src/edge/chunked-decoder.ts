import { ByteSection, type SectionFault } from './byte-section.ts'

/** Hears of a body in chunks. Pieces are views of the bytes fed in. */
export interface ChunkSink {
  onChunkData(piece: Buffer): void
  /** The body is complete. `trailers`: their lines, latin1, unchecked; '' where there are none. */
  onChunksEnd(trailers: string): void
}

type State = 'size' | 'data' | 'data-cr' | 'data-lf' | 'trailers'

const CR = 0x0d
const LF = 0x0a
/** Chunk size, with extensions, which are ignored. */
const MAX_SIZE_LINE = 1024
const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
const QUOTED = String.raw`"(?:[\t\x20\x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*"`
/** 12 digits: a number that is exact. Without the white space that RFC 9112 section 7.1.1 only tolerates. */
const SIZE_LINE = new RegExp(`^([0-9A-Fa-f]{1,12})(?:;${TOKEN}(?:=(?:${TOKEN}|${QUOTED}))?)*$`)

/** Reads the chunked transfer coding (RFC 9112 section 7.1), strictly. */
export class ChunkedDecoder {
  readonly #sink: ChunkSink
  readonly #fail: (fault: SectionFault, detail: string) => Error
  readonly #trailers: ByteSection
  #state: State = 'size'
  #remaining = 0
  /** Of an unfinished size line, or the first two bytes of the trailers. */
  #line = ''

  /** @param fail makes the error that `step` throws */
  constructor(
    sink: ChunkSink,
    maxTrailerBytes: number,
    fail: (fault: SectionFault, detail: string) => Error,
  ) {
    this.#sink = sink
    this.#fail = fail
    this.#trailers = new ByteSection(maxTrailerBytes, (fault) => fail(fault, 'bad trailers'))
  }

  /** Expects a new body. */
  begin(): void {
    this.#state = 'size'
    this.#line = ''
    this.#trailers.clear()
  }

  /**
   * Reads one part of the coding from `at` on, which must be within `bytes`.
   *
   * @returns where what follows begins
   */
  step(bytes: Buffer, at: number): number {
    switch (this.#state) {
      case 'size':
        return this.#readSize(bytes, at)
      case 'data':
        return this.#readData(bytes, at)
      case 'data-cr':
        return this.#readMark(bytes[at] === CR, { next: 'data-lf', at })
      case 'data-lf':
        return this.#readMark(bytes[at] === LF, { next: 'size', at })
      case 'trailers':
        return this.#readTrailers(bytes, at)
      default:
        return this.#state satisfies never
    }
  }

  #readSize(bytes: Buffer, at: number): number {
    const lf = bytes.indexOf(LF, at)
    const end = lf < 0 ? bytes.length : lf + 1
    if (this.#line.length + end - at > MAX_SIZE_LINE) {
      throw this.#fail('malformed', 'chunk line too long')
    }
    this.#line += bytes.toString('latin1', at, end)
    if (lf >= 0) this.#onSizeLine(this.#line)
    return end
  }

  #onSizeLine(line: string): void {
    const match = line.endsWith('\r\n') ? SIZE_LINE.exec(line.slice(0, -2)) : null
    if (!match) throw this.#fail('malformed', 'malformed chunk size')
    this.#line = ''
    this.#remaining = Number.parseInt(match[1] ?? '', 16)
    this.#state = this.#remaining === 0 ? 'trailers' : 'data'
  }

  #readData(bytes: Buffer, at: number): number {
    const end = Math.min(bytes.length, at + this.#remaining)
    this.#remaining -= end - at
    if (this.#remaining === 0) this.#state = 'data-cr'
    this.#sink.onChunkData(bytes.subarray(at, end))
    return end
  }

  #readMark(isRight: boolean, { next, at }: { next: State; at: number }): number {
    if (!isRight) throw this.#fail('malformed', 'chunk longer than its size says')
    this.#state = next
    return at + 1
  }

  /** Without trailers the section is just the empty line. */
  #readTrailers(bytes: Buffer, at: number): number {
    if (this.#trailers.length < 2 && this.#isEmptyLine(bytes[at])) {
      this.begin()
      this.#sink.onChunksEnd('')
      return at + 1
    }
    const end = this.#trailers.length < 2 ? at + 1 : bytes.length
    const section = this.#trailers.collect(
      end === bytes.length ? bytes : bytes.subarray(0, end),
      at,
    )
    if (section === undefined) return end
    this.begin()
    this.#sink.onChunksEnd(section.text)
    return section.next
  }

  #isEmptyLine(byte: number | undefined): boolean {
    if (this.#trailers.length === 0) this.#line = byte === CR ? '\r' : ''
    else return this.#line === '\r' && byte === LF
    return false
  }
}
