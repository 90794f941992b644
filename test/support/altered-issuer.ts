import type { Issuer } from '#control/ca/issuer.ts'

/** The issuer, but for what is changed: how tests make a CA refuse, fail or forget. */
export function alteredIssuer(built: Issuer, changes: Partial<Issuer>): Issuer {
  return {
    name: built.name,
    title: built.title,
    apiName: built.apiName,
    get hasRenewalInfo() {
      return built.hasRenewalInfo
    },
    listCaaIdentities: (signal) => built.listCaaIdentities(signal),
    findAccountUri: (signal) => built.findAccountUri(signal),
    openOrder: (request, signal) => built.openOrder(request, signal),
    beginValidation: (order, challenges, signal) =>
      built.beginValidation(order, challenges, signal),
    checkOrder: (order, signal) => built.checkOrder(order, signal),
    finalize: (order, csr, signal) => built.finalize(order, csr, signal),
    findRenewalInfo: (chain, signal) => built.findRenewalInfo(chain, signal),
    revoke: (chain, signal) => built.revoke(chain, signal),
    ...changes,
  }
}
