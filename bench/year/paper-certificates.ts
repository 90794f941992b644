import type { KeyMaker } from '#control/ca/key-maker.ts'
import type { Chain } from '#domain/certificate.ts'
import type { Sealer } from '#lib/sealing.ts'

/** What a certificate of the model says. */
export interface Paper {
  number: number
  notBefore: number
  notAfter: number
}

/** A leaf that is three numbers: nothing is signed, and what matters can be read. */
export function writeChain({ number, notBefore, notAfter }: Paper): Chain {
  const leaf = new Uint8Array(Float64Array.of(number, notBefore, notAfter).buffer)
  return { leaf, intermediates: [] }
}

export function readChain({ leaf }: Chain): Paper {
  const [number = 0, notBefore = 0, notAfter = 0] = new Float64Array(leaf.buffer)
  return { number, notBefore, notAfter }
}

const NOTHING = new Uint8Array()

/** Keys and requests cost the simulation nothing and prove nothing in it. */
export const paperKeyMaker: KeyMaker = {
  generate: async () => NOTHING,
  createCsr: async () => NOTHING,
  describe({ chain, names }) {
    const { number, notBefore, notAfter } = readChain(chain)
    const serialNumber = number.toString(16)
    return {
      issuer: 'The model',
      serialNumber,
      signature: 'none',
      fingerprintSha256: serialNumber,
      hosts: names,
      notBefore,
      notAfter,
    }
  },
}

export const paperSealer: Sealer = { seal: (plaintext) => plaintext, open: (sealed) => sealed }
