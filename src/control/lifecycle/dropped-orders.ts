import type { Certificate } from '#domain/certificate.ts'
import type { CustomHostname } from '#domain/custom-hostname.ts'
import type { Issuance, ManagedChain } from '#domain/issuance.ts'
import type { Order } from '#domain/order.ts'

import type { Budget } from '../ca/budget.ts'
import type { Issuers } from '../ca/issuers.ts'
import { exemptionOf } from './order-step.ts'
import { namesOf } from './step.ts'

export interface DroppedOrdersOptions {
  issuers: Issuers
  budget: Budget
  findCertificate(id: string): Promise<Certificate | undefined>
}

/**
 * Gives back what the orders took that a record had and has no more, because it was edited or removed:
 * CAs count the certificates that they issue, and whoever deletes and creates a name again, as people
 * do while its DNS is not right, must not use up a week's.
 *
 * @param after undefined: the record was removed
 */
export async function giveBackDropped(
  before: CustomHostname,
  after: CustomHostname | undefined,
  options: DroppedOrdersOptions,
): Promise<void> {
  const kept = (after?.chains ?? []).map(({ issuance }) => unsignedOrderOf(issuance)?.url)
  for (const chain of before.chains) {
    const order = unsignedOrderOf(chain.issuance)
    if (order && !kept.includes(order.url)) await giveBack(order, { before, chain }, options)
  }
}

/** An order that is finalized may have become a certificate, whether we saw it or not. */
function unsignedOrderOf(issuance: Issuance): Order | undefined {
  const isUnsigned = issuance.state === 'ordered' || issuance.state === 'validating'
  return isUnsigned ? issuance.order : undefined
}

async function giveBack(
  { ca }: Order,
  { before: record, chain }: { before: CustomHostname; chain: ManagedChain },
  { issuers, budget, findCertificate }: DroppedOrdersOptions,
): Promise<void> {
  const issuer = issuers.find(ca)
  if (!issuer) return
  for (const { certificate } of record.chains) {
    // It went with the edit, so nobody can tell any more what the order was exempt from.
    if (certificate && !(await findCertificate(certificate.id))) return
  }
  const exemption = await exemptionOf(issuer, { record, chain }, { findCertificate })
  await budget.giveBack({ ca, names: namesOf(record), exemption })
}
