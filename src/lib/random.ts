import { randomBytes, randomUUID } from 'node:crypto'

/** Randomness, the only door to it; tests pass a seeded one. */
export interface Random {
  /** Cryptographically strong bytes. */
  bytes(length: number): Uint8Array
  /** A version 4 UUID (RFC 9562), 36 characters. */
  uuid(): string
  /** Uniform in [0, 1), for jitter only: not for secrets. */
  fraction(): number
}

export const systemRandom: Random = {
  bytes: (length) => randomBytes(length),
  uuid: () => randomUUID(),
  fraction: () => Math.random(),
}
