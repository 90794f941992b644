import { describe, expect, it } from 'vitest'

import { IssuerError } from '#control/ca/issuer.ts'
import { createIssuerMeter } from '#control/ca/measured-issuer.ts'
import { Metrics, renderMetrics } from '#lib/metrics.ts'
import { parseHostname } from '#domain/hostname.ts'
import { anOrderAt, fakeIssuer } from '#test/fake-issuer.ts'

const { signal } = new AbortController()
const chain = { leaf: new Uint8Array(), intermediates: [] }

describe('what CAs are asked', () => {
  it('is counted by what came of it', async () => {
    const metrics = new Metrics()
    const meter = createIssuerMeter(metrics)
    const issuer = meter(
      fakeIssuer('one', {
        checkOrder: () => Promise.reject(new IssuerError('rate-limited', 'wait')),
        finalize: async () => ({ state: 'valid', chain }),
        revoke: () => Promise.reject(new Error('a fault of ours')),
      }),
    )
    const hostname = parseHostname('app.customer.com')
    const order = anOrderAt('one')
    await issuer.openOrder({ hostname, wildcard: false, keyAlgorithm: 'rsa' }, signal)
    await issuer.beginValidation(order, order.challenges, signal)
    await expect(issuer.checkOrder(order, signal)).rejects.toThrow('wait')
    await issuer.finalize(order, new Uint8Array(), signal)
    await issuer.findRenewalInfo(chain, signal)
    await expect(issuer.revoke(chain, signal)).rejects.toThrow('ours')
    const text = await renderMetrics([await metrics.snapshot()])
    for (const line of [
      'custos_ca_calls_total{ca="one",step="order",outcome="ok"} 1',
      'custos_ca_calls_total{ca="one",step="validate",outcome="ok"} 1',
      'custos_ca_calls_total{ca="one",step="check",outcome="rate-limited"} 1',
      'custos_ca_calls_total{ca="one",step="finalize",outcome="ok"} 1',
      'custos_ca_calls_total{ca="one",step="renewal-info",outcome="ok"} 1',
      'custos_ca_calls_total{ca="one",step="revoke",outcome="failed"} 1',
      'custos_ca_certificates_total{ca="one"} 1',
    ]) {
      expect(text).toContain(line)
    }
  })
})
