import { describe, expect, it } from 'vitest'

import { editCustomHostname } from '#control/api/edit-custom-hostname.ts'
import { giveBackDropped } from '#control/lifecycle/dropped-orders.ts'
import type { CustomHostname } from '#domain/custom-hostname.ts'
import type { Issuance } from '#domain/issuance.ts'
import { anOrderAt } from '#test/fake-issuer.ts'
import { aHostname, NOON, withIssuance } from '#test/records.ts'

const order = { ...anOrderAt('one'), taken: { exemption: 'renewal' as const, at: NOON } }
const opened = { order, since: NOON, attempts: 0, nextAt: NOON, failures: 0 }
const ordered: Issuance = { ...opened, state: 'ordered' }
const finalizing: Issuance = { ...opened, state: 'finalizing', certificateId: 'c', sealedKey: '' }

async function givenBack(
  before: CustomHostname,
  after: CustomHostname | undefined,
): Promise<unknown[]> {
  const given: unknown[] = []
  await giveBackDropped(before, after, { giveBack: async (one) => void given.push(one) })
  return given
}

describe('what an order took', () => {
  const record = withIssuance(aHostname(), 'ecdsa', ordered)
  const taken = { ca: 'one', names: [record.hostname], exemption: 'renewal', takenAt: NOON }

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

  it('is given back when the order came to nothing', async () => {
    const failed: Issuance = { state: 'scheduled', nextAt: NOON, failures: 1, problem: 'no' }
    expect(await givenBack(record, withIssuance(record, 'ecdsa', failed))).toEqual([taken])
  })

  it('is not given back where a certificate may have come of it, or nobody wrote down what it was', async () => {
    expect(await givenBack(withIssuance(aHostname(), 'ecdsa', finalizing), undefined)).toEqual([])
    expect(await givenBack(record, withIssuance(record, 'ecdsa', finalizing))).toEqual([])
    const older: Issuance = { ...ordered, order: anOrderAt('one') }
    expect(await givenBack(withIssuance(aHostname(), 'ecdsa', older), undefined)).toEqual([])
  })
})
