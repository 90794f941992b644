import { checkChain, describeChain } from './chain.ts'
import { createCsr } from './csr.ts'
import type { KeyMaker } from './key-maker.ts'
import { exportPrivateKey, generateLeafKey, importKeyPair } from './keys.ts'

/** Keys and requests for leaves, and a critical reader of the chains that come back. */
export function createKeyMaker(): KeyMaker {
  return {
    async generate(keyAlgorithm) {
      const { privateKey } = await generateLeafKey(keyAlgorithm)
      return exportPrivateKey(privateKey)
    },
    createCsr: ({ privateKey, names }) => createCsr(importKeyPair(privateKey), names),
    describe({ chain, privateKey, names }) {
      checkChain(chain, { privateKey, names })
      return describeChain(chain)
    },
  }
}
