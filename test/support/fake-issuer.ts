import type { Issuer, OrderRequest } from '#control/ca/issuer.ts'
import type { ChallengeType, Order, OrderChallenge } from '#domain/order.ts'

/** A CA in a few lines that writes down what it was asked. It signs nothing. */
export interface FakeIssuer extends Issuer {
  readonly opened: OrderRequest[]
  readonly begun: (readonly OrderChallenge[])[]
}

export function fakeIssuer(name: string, changes: Partial<Issuer> = {}): FakeIssuer {
  const opened: OrderRequest[] = []
  const begun: (readonly OrderChallenge[])[] = []
  return {
    opened,
    begun,
    name,
    title: `The CA ${name}`,
    apiName: undefined,
    hasRenewalInfo: false,
    listCaaIdentities: async () => [],
    findAccountUri: async () => undefined,
    openOrder: async (request) => {
      opened.push(request)
      return anOrderAt(name)
    },
    beginValidation: async (_, challenges) => void begun.push(challenges),
    checkOrder: async () => ({ state: 'pending', retryAfterMs: 1_000 }),
    finalize: async () => ({ state: 'processing', retryAfterMs: 1_000 }),
    findRenewalInfo: async () => undefined,
    revoke: async () => {},
    ...changes,
  }
}

/** An order with a challenge of each type for each name; `*.` names only by DNS, as CAs do it. */
export function anOrderAt(ca: string, names: readonly string[] = ['app.customer.com']): Order {
  const challenges = names.flatMap((name) => {
    const isWildcard = name.startsWith('*.')
    const types: ChallengeType[] = isWildcard ? ['dns-01'] : ['http-01', 'dns-01', 'tls-alpn-01']
    return types.map((type): OrderChallenge => {
      const token = `${type}-of-${name}`
      const identifier = name.replace('*.', '')
      const proof = { url: `${ca}/${token}`, token, keyAuthorization: `${token}.thumb` }
      return { type, identifier, ...(isWildcard && { wildcard: true }), ...proof }
    })
  })
  return { ca, url: `${ca}/order/1`, challenges, expiresAt: Date.UTC(2027, 0) }
}
