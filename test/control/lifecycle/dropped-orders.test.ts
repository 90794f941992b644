import { describe, expect, it } from 'vitest'

import { editCustomHostname } from '#control/api/edit-custom-hostname.ts'
import { createIssuers } from '#control/ca/issuers.ts'
import { giveBackDropped } from '#control/lifecycle/dropped-orders.ts'
import type { CustomHostname } from '#domain/custom-hostname.ts'
import type { Issuance } from '#domain/issuance.ts'
import { anOrderAt, fakeIssuer } from '#test/fake-issuer.ts'
import { aHostname, anActiveHostname, NOON, withIssuance } from '#test/records.ts'
import { UNLIMITED } from '#test/unlimited-budget.ts'

const order = anOrderAt('one')
const opened = { order, since: NOON, attempts: 0, nextAt: NOON, failures: 0 }
const ordered: Issuance = { ...opened, state: 'ordered' }
const finalizing: Issuance = { ...opened, state: 'finalizing', certificateId: 'c', sealedKey: '' }

async function givenBack(
  before: CustomHostname,
  after: CustomHostname | undefined,
): Promise<unknown[]> {
  const given: unknown[] = []
  const budget = { ...UNLIMITED, giveBack: async (one: unknown) => void given.push(one) }
  const issuers = createIssuers([fakeIssuer('one')])
  await giveBackDropped(before, after, { issuers, budget, findCertificate: async () => undefined })
  return given
}

describe('what an order took', () => {
  const record = withIssuance(aHostname(), 'ecdsa', ordered)
  const taken = { ca: 'one', names: [record.hostname], exemption: 'none' }

  it('is given back when the hostname is removed', async () => {
    expect(await givenBack(record, undefined)).toEqual([taken])
  })

  it('is given back when an edit asks for other names, and for the old names', async () => {
    const ssl = record.ssl && { ...record.ssl, wildcard: true, method: 'txt' as const }
    const { record: after } = editCustomHostname(record, { ssl: { value: ssl } }, NOON)
    expect(await givenBack(record, after)).toEqual([taken])
  })

  it('is kept by an edit that keeps the order', async () => {
    const { record: after } = editCustomHostname(record, { ssl: { value: record.ssl } }, NOON)
    expect(await givenBack(record, after)).toEqual([])
  })

  it('is not given back where a certificate may have come of it, or nobody knows how much it was', async () => {
    expect(await givenBack(withIssuance(aHostname(), 'ecdsa', finalizing), undefined)).toEqual([])
    expect(await givenBack(withIssuance(anActiveHostname(), 'rsa', ordered), undefined)).toEqual([])
  })
})
