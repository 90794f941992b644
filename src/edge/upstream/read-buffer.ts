import { PieceBuffers, type PieceBuffer } from './piece-buffers.ts'

/** A piece of a body that belongs to whoever gets it. */
export interface OwnPiece {
  bytes: Buffer
  /** To be called, not in the same turn, once the bytes are not needed any more. */
  release: (() => void) | undefined
}

const TCP_PIECE_BYTES = 65_536
/** A TLS record's worth: more never comes at once. */
const TLS_PIECE_BYTES = 16_384
/** One buffer for what is read on all connections: a read is handled before the next one starts. */
const SCRATCH = Buffer.allocUnsafeSlow(TCP_PIECE_BYTES)
const TCP_BUFFERS = new PieceBuffers(TCP_PIECE_BYTES)
const TLS_BUFFERS = new PieceBuffers(TLS_PIECE_BYTES)

/**
 * Where a connection reads to: a buffer shared with all others, out of which pieces are copied; while a
 * long body comes, buffers that are lent for one read each and handed on whole.
 */
export class ReadBuffer {
  readonly #buffers: PieceBuffers
  /** Lent for the next read, which otherwise goes to `SCRATCH`. */
  #lent: PieceBuffer | undefined
  #lastRead = 0

  constructor(isTls: boolean) {
    this.#buffers = isTls ? TLS_BUFFERS : TCP_BUFFERS
  }

  /** Where the next read goes; only that one, as others use it too. */
  next(): Buffer {
    if (this.#lastRead >= TLS_PIECE_BYTES) this.#lent ??= this.#buffers.take()
    else if (this.#lent) {
      this.#lent.release()
      this.#lent = undefined
    }
    return this.#lent?.bytes ?? SCRATCH
  }

  /** What was read: good within this turn. */
  read(length: number): Buffer {
    this.#lastRead = length
    return (this.#lent?.bytes ?? SCRATCH).subarray(0, length)
  }

  /** The body is over: what comes next is short. */
  rest(): void {
    this.#lastRead = 0
  }

  /** A part of what was read, to keep: a long one in a buffer that is lent, a short one as a copy. */
  own(piece: Buffer): OwnPiece {
    const { size } = this.#buffers
    if (piece.length < size / 2 || piece.length > size) {
      return { bytes: Buffer.from(piece), release: undefined }
    }
    const lent = this.#lent
    if (lent) {
      // The rest of what was read is still read out of it, before anybody can give it back.
      this.#lent = undefined
      return { bytes: piece, release: lent.release }
    }
    const { bytes, release } = this.#buffers.take()
    piece.copy(bytes)
    return { bytes: bytes.subarray(0, piece.length), release }
  }
}
