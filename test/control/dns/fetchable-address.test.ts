import { describe, expect, it } from 'vitest'

import { isFetchableAddress } from '#control/dns/fetchable-address.ts'

/**
 * Attack: the owner of a hostname gives it, or its name servers, addresses that mean something inside
 * our network alone. Rule: nothing is sent there.
 */
describe('an address', () => {
  it.each([
    '93.184.216.34',
    '10.0.0.1',
    '127.0.0.1',
    '2606:4700::1',
    '::1',
    'fd00::1',
    '::ffff:93.184.216.34',
  ])('may be %s', (address) => {
    expect(isFetchableAddress(address)).toBe(true)
  })

  it.each([
    '169.254.169.254',
    '::ffff:169.254.169.254',
    'fe80::1',
    'fd00:ec2::254',
    '0.0.0.0',
    '::',
    '224.0.0.1',
    'ff02::1',
    '255.255.255.255',
    'not an address',
  ])('may not be %s', (address) => {
    expect(isFetchableAddress(address)).toBe(false)
  })
})
