import { CHALLENGE_TYPES, type OrderChallenge } from '#domain/order.ts'

import type { OrderTicket } from './order-ticket.ts'

/** One thing that an order wants proved, and the ways to prove it: any one of them will do. */
export interface Proof {
  /** Within all orders. */
  id: string
  /** `app.customer.com`, or `*.app.customer.com`. */
  name: string
  challenges: readonly OrderChallenge[]
}

export interface ProofOptions {
  /** Of the order. */
  url: string
  /** What is asked of the name, and of its wildcard. */
  tokens: { name: string; wildcard: string }
  accountThumbprint: string
}

/**
 * The name is proved in any way (RFC 8555 section 8, RFC 8737), its wildcard by DNS only: a web server
 * of the name says nothing of the names below it.
 */
export function listProofs(
  { id, hostname, wildcard }: OrderTicket,
  { url, tokens, accountThumbprint }: ProofOptions,
): Proof[] {
  const answer = (token: string): Pick<OrderChallenge, 'token' | 'keyAuthorization'> => ({
    token,
    keyAuthorization: `${token}.${accountThumbprint}`,
  })
  const common = { identifier: hostname, ...answer(tokens.name) }
  const ofName: Proof = {
    id,
    name: hostname,
    challenges: CHALLENGE_TYPES.map((type) => ({ type, ...common, url: `${url}:${type}` })),
  }
  if (!wildcard) return [ofName]
  const challenge: OrderChallenge = {
    type: 'dns-01',
    identifier: hostname,
    wildcard: true,
    url: `${url}:wildcard:dns-01`,
    ...answer(tokens.wildcard),
  }
  return [ofName, { id: `*.${id}`, name: `*.${hostname}`, challenges: [challenge] }]
}
