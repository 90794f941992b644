const END = Buffer.from('\r\n\r\n')
const CR = 0x0d
const LF = 0x0a

/** Why a section cannot be read. */
export type SectionFault = 'too-large' | 'malformed'

/** Collects a section of lines that comes in pieces, up to its empty line, within a bound. */
export class ByteSection {
  /** Bytes collected so far. */
  length = 0
  #bytes = Buffer.alloc(0)
  readonly #limit: number
  readonly #fail: (fault: SectionFault) => Error

  /** @param fail makes the error that `collect` throws */
  constructor(limit: number, fail: (fault: SectionFault) => Error) {
    this.#limit = limit
    this.#fail = fail
  }

  clear(): void {
    this.length = 0
  }

  /**
   * Takes what belongs to the section from `at` on.
   *
   * @returns its text, latin1, without the empty line, and where what follows begins; or undefined
   *   while its end has not come
   * @throws what `fail` made, as soon as the section cannot become a good one
   */
  collect(bytes: Buffer, at: number): { text: string; next: number } | undefined {
    const before = this.length
    const room = this.#limit - before
    this.#append(bytes, at, Math.min(bytes.length, at + room))
    const held = this.#bytes.subarray(0, this.length)
    const end = held.indexOf(END, Math.max(0, before - 3))
    if (end < 0) {
      if (bytes.length - at > room) throw this.#fail('too-large')
      this.#checkLines(before)
      return undefined
    }
    this.length = 0
    return { text: held.toString('latin1', 0, end), next: at + end + END.length - before }
  }

  /** What can never end properly is not waited for: controls, and lines that end with LF alone. */
  #checkLines(from: number): void {
    let previous = from === 0 ? 0 : this.#bytes[from - 1]
    for (let i = from; i < this.length; i++) {
      const byte = this.#bytes[i] ?? 0
      const isSplit = (previous === CR) !== (byte === LF)
      const isControl = byte === 0x7f || (byte < 0x20 && byte !== CR && byte !== LF && byte !== 9)
      if (isSplit || isControl) throw this.#fail('malformed')
      previous = byte
    }
  }

  #append(bytes: Buffer, from: number, to: number): void {
    const needed = this.length + to - from
    if (needed > this.#bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(256, needed, this.#bytes.length * 2))
      this.#bytes.copy(larger, 0, 0, this.length)
      this.#bytes = larger
    }
    bytes.copy(this.#bytes, this.length, from, to)
    this.length = needed
  }
}
