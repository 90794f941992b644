import { describe, expect, it } from 'vitest'

import { kindOfAddress, type AddressKind } from '#lib/address-kind.ts'

const KINDS = {
  global: [
    '93.184.216.34',
    '9.255.255.255',
    '172.15.255.255',
    '172.32.0.0',
    '100.63.255.255',
    '100.128.0.0',
    '2606:4700::1',
    '2001:200::1',
    '::ffff:93.184.216.34',
    '64:ff9b::93.184.216.34',
    '2002:5db8:d822::1',
  ],
  private: [
    '10.0.0.1',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '100.64.0.1',
    '100.127.255.255',
    'fd00::1',
    'fc00::1',
    'fec0::1',
    '::ffff:10.0.0.1',
    '64:ff9b::10.0.0.1',
    '2002:a00:1::1',
    '::10.0.0.1',
    '::ffff:0:10.0.0.1',
  ],
  loopback: ['127.0.0.1', '127.255.255.255', '::1', '::ffff:127.0.0.1', '64:ff9b::7f00:1'],
  'link-local': ['169.254.0.1', 'fe80::1', 'febf::1', '::ffff:169.254.1.1'],
  metadata: [
    '169.254.169.254',
    '::ffff:169.254.169.254',
    '64:ff9b::169.254.169.254',
    '2002:a9fe:a9fe::',
    'fd00:ec2::254',
    '100.100.100.200',
  ],
  multicast: ['224.0.0.1', '239.255.255.255', 'ff02::1', '::ffff:224.0.0.1'],
  reserved: [
    '0.0.0.0',
    '0.1.2.3',
    '192.0.0.1',
    '192.0.2.1',
    '198.18.0.1',
    '198.51.100.1',
    '203.0.113.1',
    '240.0.0.1',
    '255.255.255.255',
    '::',
    '100::1',
    '2001::7f00:1',
    '2001:db8::1',
    '3fff::1',
    '5f00::1',
    '64:ff9b:1::a00:1',
    '4000::1',
    'fe80::1%eth0',
    '127.1',
    '0x7f000001',
    '2130706433',
    'localhost',
    '',
  ],
} as const satisfies Record<AddressKind, readonly string[]>

describe('where an address leads', () => {
  it.each(Object.entries(KINDS).flatMap(([kind, all]) => all.map((address) => [address, kind])))(
    '%j is %s',
    (address, kind) => {
      expect(kindOfAddress(address)).toBe(kind)
    },
  )
})
