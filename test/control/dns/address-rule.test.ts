import { describe, expect, it } from 'vitest'

import { createAddressRule } from '#control/dns/address-rule.ts'
import { createEdgePrefixes } from '#control/validation/edge-prefixes.ts'

/**
 * Attack: the owner of a hostname gives it, or its name servers, addresses that mean something inside
 * our network alone. Rule: nothing is sent there.
 */
const NEVER = [
  ['169.254.169.254', 'link-local'],
  ['::ffff:169.254.169.254', 'link-local'],
  ['64:ff9b::169.254.169.254', 'link-local'],
  ['fe80::1', 'link-local'],
  ['fd00:ec2::254', 'link-local'],
  ['0.0.0.0', 'reserved'],
  ['224.0.0.1', 'a multicast address'],
  ['255.255.255.255', 'reserved'],
  ['not an address', 'reserved'],
] as const
const INSIDE = [
  ['10.0.0.5', 'private'],
  ['::ffff:10.0.0.5', 'private'],
  ['fd00::1', 'private'],
  ['127.0.0.1', 'a loopback address'],
  ['::1', 'a loopback address'],
] as const

describe('where nothing inside may be asked', () => {
  const flawOf = createAddressRule({ allowPrivate: false })

  it.each(['93.184.216.34', '2606:4700::1', '::ffff:93.184.216.34'])('%s may be', (address) => {
    expect(flawOf(address)).toBeUndefined()
  })

  it.each([...NEVER, ...INSIDE])('%s may not, as it is %s', (address, flaw) => {
    expect(flawOf(address)).toBe(flaw)
  })
})

describe('where the inside may be asked', () => {
  const flawOf = createAddressRule({ allowPrivate: true })

  it.each(INSIDE)('%s may be', (address) => {
    expect(flawOf(address)).toBeUndefined()
  })

  it.each(NEVER)('%s may not, as it is %s', (address, flaw) => {
    expect(flawOf(address)).toBe(flaw)
  })
})

it('the edges may be asked wherever they are, but nothing beside them', () => {
  const isEdgeAddress = createEdgePrefixes(['10.1.0.0/24', '169.254.0.0/16'])
  const flawOf = createAddressRule({ allowPrivate: false, isEdgeAddress })
  expect(flawOf('10.1.0.7')).toBeUndefined()
  expect(flawOf('10.1.1.7')).toBe('private')
  expect(flawOf('169.254.169.254')).toBe('link-local')
})
