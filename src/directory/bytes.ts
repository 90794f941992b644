import { DirectoryError } from './directory.ts'

/** Appends big-endian numbers and length-prefixed values. Refuses what its prefix cannot say. */
export class ByteWriter {
  readonly #parts: Uint8Array[] = []

  uint8(value: number): this {
    return this.#number(value, 1)
  }

  uint16(value: number): this {
    return this.#number(value, 2)
  }

  uint32(value: number): this {
    return this.#number(value, 4)
  }

  /** A non-negative safe integer in 8 bytes. */
  uint53(value: number): this {
    if (!Number.isSafeInteger(value) || value < 0) throw outOfRange(value, Number.MAX_SAFE_INTEGER)
    const bytes = Buffer.alloc(8)
    bytes.writeUInt32BE(Math.floor(value / 2 ** 32))
    bytes.writeUInt32BE(value % 2 ** 32, 4)
    return this.raw(bytes)
  }

  /** As many bytes as given, without a length. */
  raw(bytes: Uint8Array): this {
    this.#parts.push(bytes)
    return this
  }

  /** Length in two bytes, then the bytes. */
  bytes(value: Uint8Array): this {
    return this.uint16(value.length).raw(value)
  }

  /** UTF-8, length in two bytes. */
  text(value: string): this {
    return this.bytes(Buffer.from(value))
  }

  /** ASCII of at most 255 characters, length in one byte. */
  shortText(value: string): this {
    if (!PRINTABLE.test(value))
      throw cannotEncode(`must be printable ASCII: ${JSON.stringify(value)}`)
    return this.uint8(value.length).raw(Buffer.from(value, 'latin1'))
  }

  /** Count in one byte, then each item. */
  list<Item>(items: readonly Item[], write: (item: Item) => void): this {
    this.uint8(items.length)
    for (const item of items) write(item)
    return this
  }

  finish(): Uint8Array {
    return Uint8Array.from(Buffer.concat(this.#parts))
  }

  #number(value: number, width: 1 | 2 | 4): this {
    const maximum = 2 ** (8 * width) - 1
    if (!Number.isInteger(value) || value < 0 || value > maximum) throw outOfRange(value, maximum)
    const bytes = Buffer.alloc(width)
    bytes.writeUIntBE(value, 0, width)
    return this.raw(bytes)
  }
}

/** Reads what `ByteWriter` wrote. Every read is bounded by what is there: nothing is allocated on trust. */
export class ByteReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get remaining(): number {
    return this.#bytes.length - this.#at
  }

  uint8(): number {
    return this.#take(1).readUInt8()
  }

  uint16(): number {
    return this.#take(2).readUInt16BE()
  }

  uint32(): number {
    return this.#take(4).readUInt32BE()
  }

  uint53(): number {
    const bytes = this.#take(8)
    const value = bytes.readUInt32BE() * 2 ** 32 + bytes.readUInt32BE(4)
    if (!Number.isSafeInteger(value)) throw corrupt(`number too large: ${value}`)
    return value
  }

  /** A copy: a view would keep the whole read buffer alive. */
  raw(length: number): Uint8Array {
    return Uint8Array.from(this.#take(length))
  }

  bytes(): Uint8Array {
    return this.raw(this.uint16())
  }

  text(): string {
    try {
      return UTF8.decode(this.#take(this.uint16()))
    } catch (cause) {
      if (cause instanceof DirectoryError) throw cause
      throw corrupt('text is not UTF-8')
    }
  }

  shortText(): string {
    return this.#take(this.uint8()).toString('latin1')
  }

  list<Item>(read: () => Item): Item[] {
    const count = this.uint8()
    if (count > this.remaining) throw corrupt(`list of ${count} items in ${this.remaining} bytes`)
    return Array.from({ length: count }, read)
  }

  /** @throws {DirectoryError} where something is left over */
  end(): void {
    if (this.remaining > 0) throw corrupt(`${this.remaining} bytes too many`)
  }

  #take(length: number): Buffer {
    if (length > this.remaining) {
      throw corrupt(`needs ${length} bytes at ${this.#at}, has ${this.remaining}`)
    }
    const start = this.#at
    this.#at += length
    return this.#bytes.subarray(start, this.#at)
  }
}

const PRINTABLE = /^[\x20-\x7e]*$/
const UTF8 = new TextDecoder('utf-8', { fatal: true })

/** What was stored cannot be read. */
export function corrupt(reason: string): DirectoryError {
  return new DirectoryError('corrupt', `Cannot decode: ${reason}`)
}

function outOfRange(value: number, maximum: number): DirectoryError {
  return cannotEncode(`a number, length or count must be from 0 to ${maximum}: received ${value}`)
}

function cannotEncode(reason: string): DirectoryError {
  return new DirectoryError('corrupt', `Cannot encode: ${reason}`)
}
