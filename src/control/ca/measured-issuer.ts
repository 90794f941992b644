import type { Metrics } from '#lib/metrics.ts'

import { IssuerError, type Issuer } from './issuer.ts'

export type MeasureIssuer = (issuer: Issuer) => Issuer

/**
 * Counts what every CA is asked and what it answers: few label values, whatever is asked for.
 * `outcome` is `ok` or the kind of an `IssuerError`; `failed` is a fault of our own.
 */
export function createIssuerMeter(metrics: Metrics): MeasureIssuer {
  const calls = metrics.counter({
    name: 'custos_ca_calls_total',
    help: 'Steps taken with a CA, by what came of them',
    labelNames: ['ca', 'step', 'outcome'],
  })
  const issued = metrics.counter({
    name: 'custos_ca_certificates_total',
    help: 'Certificates that a CA issued',
    labelNames: ['ca'],
  })
  return (issuer) => {
    const ca = issuer.name
    return measured(issuer, {
      count(step, outcome) {
        calls.cell({ ca, step, outcome }).value += 1
      },
      countIssued() {
        issued.cell({ ca }).value += 1
      },
    })
  }
}

interface Counts {
  count(step: string, outcome: string): void
  countIssued(): void
}

function measured(issuer: Issuer, { count, countIssued }: Counts): Issuer {
  const counted = async <Value>(step: string, call: Promise<Value>): Promise<Value> => {
    try {
      const value = await call
      count(step, 'ok')
      return value
    } catch (error) {
      count(step, error instanceof IssuerError ? error.kind : 'failed')
      throw error
    }
  }
  return {
    name: issuer.name,
    title: issuer.title,
    apiName: issuer.apiName,
    get hasRenewalInfo() {
      return issuer.hasRenewalInfo
    },
    listCaaIdentities: (signal) => issuer.listCaaIdentities(signal),
    findAccountUri: (signal) => issuer.findAccountUri(signal),
    openOrder: (request, signal) => counted('order', issuer.openOrder(request, signal)),
    beginValidation: (order, challenges, signal) =>
      counted('validate', issuer.beginValidation(order, challenges, signal)),
    checkOrder: (order, signal) => counted('check', issuer.checkOrder(order, signal)),
    async finalize(order, csr, signal) {
      const progress = await counted('finalize', issuer.finalize(order, csr, signal))
      if (progress.state === 'valid') countIssued()
      return progress
    },
    findRenewalInfo: (chain, signal) =>
      counted('renewal-info', issuer.findRenewalInfo(chain, signal)),
    revoke: (chain, signal) => counted('revoke', issuer.revoke(chain, signal)),
  }
}
