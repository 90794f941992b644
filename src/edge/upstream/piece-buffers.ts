/** A buffer on loan. */
export interface PieceBuffer {
  readonly bytes: Buffer
  /** Gives it back; nobody may look at the bytes any more. At most once a loan; may also be forgotten. */
  readonly release: () => void
}

/**
 * Buffers for the pieces of long bodies, used again and again: fresh ones for each piece cost more
 * than the copying (page faults, and the collector's time). The last one given back is lent first:
 * it is still in the processor's cache.
 */
export class PieceBuffers {
  readonly size: number
  readonly #free: PieceBuffer[] = []
  readonly #maxFree: number

  /** @param maxFree how many are kept while nobody uses them @default 64 */
  constructor(size: number, maxFree = 64) {
    this.size = size
    this.#maxFree = maxFree
  }

  take(): PieceBuffer {
    return this.#free.pop() ?? this.#make()
  }

  #make(): PieceBuffer {
    const buffer: PieceBuffer = {
      bytes: Buffer.allocUnsafeSlow(this.size),
      release: () => {
        if (this.#free.length < this.#maxFree) this.#free.push(buffer)
      },
    }
    return buffer
  }
}
