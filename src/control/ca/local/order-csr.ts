import { namesOf } from '../certificate-names.ts'
import { CsrError, parseCsr, type Csr } from '../csr.ts'
import { IssuerError } from '../issuer.ts'
import { isLeafKey } from '../keys.ts'
import type { OrderTicket } from './order-ticket.ts'

/** @throws {IssuerError} `rejected` for a request that is not exactly what was ordered */
export async function readOrderCsr(der: Uint8Array, ticket: OrderTicket): Promise<Csr> {
  const csr = await parseCsr(der).catch((error: unknown) => {
    if (error instanceof CsrError) return refuse(`The CSR cannot be used: ${error.message}.`)
    throw error
  })
  const names = namesOf(ticket)
  if (csr.names.join() !== names.toSorted().join()) {
    refuse(`The CSR is not for exactly ${names.join(' and ')}.`)
  }
  if (!isLeafKey(csr.publicKey, ticket.keyAlgorithm)) {
    refuse(`The CSR's key is not of the kind that the order is for (${ticket.keyAlgorithm}).`)
  }
  return csr
}

function refuse(message: string): never {
  throw new IssuerError('rejected', message)
}
