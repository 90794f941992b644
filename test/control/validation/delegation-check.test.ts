import { describe, expect, it, onTestFinished } from 'vitest'

import { createDelegationCheck } from '#control/validation/delegation-check.ts'
import { parseHostname } from '#domain/hostname.ts'
import { startDnsServer, type DnsRecords } from '#test/dns-server.ts'
import { testResolver } from '#test/test-resolver.ts'

const never = new AbortController().signal
const hostname = parseHostname('app.customer.com')
const question = { hostname, delegationUuid: '0123456789abcdef' }
const NAME = '_acme-challenge.app.customer.com'
const PLACE = 'app.customer.com.0123456789abcdef.dcv.saas.com'

async function isDelegated(
  records: Record<string, DnsRecords>,
  dcvZone: string | undefined = 'dcv.saas.com',
): Promise<boolean> {
  const server = await startDnsServer(records)
  onTestFinished(() => server.close())
  const resolver = testResolver({ servers: [server.address] })
  return createDelegationCheck({ resolver, dcvZone })(question, never)
}

describe('a delegation of DCV', () => {
  it('is the record that the API shows, to this zone’s place', async () => {
    expect(await isDelegated({ [NAME]: { CNAME: PLACE } })).toBe(true)
  })

  it('may be reached by other aliases', async () => {
    const records = { [NAME]: { CNAME: 'dcv.customer.com' }, 'dcv.customer.com': { CNAME: PLACE } }
    expect(await isDelegated(records)).toBe(true)
  })

  it.each<[string, Record<string, DnsRecords>]>([
    ['is not there', {}],
    ['is another zone’s', { [NAME]: { CNAME: PLACE.replace('0123', '9999') } }],
    ['is another name’s', { [NAME]: { CNAME: PLACE.replace('app.', 'other.') } }],
    ['leads elsewhere', { [NAME]: { CNAME: 'dcv.other.com' } }],
    ['cannot be looked up', { [NAME]: 'servfail' }],
  ])('is none where it %s', async (_, records) => {
    expect(await isDelegated(records)).toBe(false)
  })

  it('is none where there is no DCV zone', async () => {
    const resolver = testResolver({ servers: [] })
    const check = createDelegationCheck({ resolver, dcvZone: undefined })
    expect(await check(question, never)).toBe(false)
  })
})
