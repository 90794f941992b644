import { describe, expect, it } from 'vitest'

import { loadWith, loadWithFile, mistakesOf } from '#test/load-config.ts'

const SERVER = { CUSTOS_DCV_ZONE: 'dcv.saas.test', CUSTOS_DNS_LISTEN: '192.0.2.53:53' }

const mistakesIn = (env: Record<string, string>): string[] =>
  mistakesOf(() => loadWith({ env })).map(({ name, message }) => `${name}: ${message}`)

describe('the DNS server', () => {
  it('needs its zone and where it listens, where its one name server then is', () => {
    const { config, warnings } = loadWith({ env: SERVER })
    expect(config.dnsServer).toEqual({
      zone: 'dcv.saas.test',
      listen: [{ host: '192.0.2.53', port: 53 }],
      nameServers: [{ name: 'ns1.dcv.saas.test', addresses: ['192.0.2.53'] }],
    })
    expect(warnings).toEqual([])
  })

  it('may have several addresses and name servers', () => {
    const { config, warnings } = loadWith({
      env: {
        ...SERVER,
        CUSTOS_DNS_LISTEN: '192.0.2.53:53, [2001:db8::53]:53',
        CUSTOS_DNS_NS:
          'NS1.dcv.saas.test 192.0.2.53  2001:db8::53,ns2.dcv.saas.test 198.51.100.53, ns.other.com',
      },
    })
    expect(config.dnsServer).toMatchObject({
      listen: [
        { host: '192.0.2.53', port: 53 },
        { host: '2001:db8::53', port: 53 },
      ],
      nameServers: [
        { name: 'ns1.dcv.saas.test', addresses: ['192.0.2.53', '2001:db8::53'] },
        { name: 'ns2.dcv.saas.test', addresses: ['198.51.100.53'] },
        { name: 'ns.other.com', addresses: [] },
      ],
    })
    expect(warnings).toEqual([])
  })

  it('can be set up in the file, with lists', () => {
    const file = `
dcvZone: dcv.saas.test
dns:
  listen: ['127.0.0.1:5353', '[::1]:5353']
  ns: [ns1.dcv.saas.test 192.0.2.53, ns2.dcv.saas.test 192.0.2.54]
`
    const { dnsServer } = loadWithFile(file).config
    expect(dnsServer?.listen).toHaveLength(2)
    expect(dnsServer?.nameServers).toHaveLength(2)
  })

  it.each([
    ['0.0.0.0:53', undefined],
    ['[::]:53', undefined],
    ['192.0.2.53:53', 'ns1.dcv.saas.test'],
  ])('warns where nobody would find its name server: %s, %s', (listen, ns) => {
    const env = { ...SERVER, CUSTOS_DNS_LISTEN: listen, ...(ns && { CUSTOS_DNS_NS: ns }) }
    const message =
      'should give the public addresses of ns1.dcv.saas.test, which lies in the zone itself'
    expect(loadWith({ env }).warnings).toEqual([{ name: 'CUSTOS_DNS_NS', message }])
  })

  it('is not set up by halves', () => {
    expect(mistakesIn({ CUSTOS_DNS_LISTEN: '127.0.0.1:53' })).toEqual([
      'CUSTOS_DCV_ZONE: must be set when CUSTOS_DNS_LISTEN is',
    ])
    expect(mistakesIn({ CUSTOS_DNS_NS: 'ns1.saas.test' })).toEqual([
      'CUSTOS_DNS_NS: is for the built-in DNS server only: set CUSTOS_DNS_LISTEN, or remove it',
    ])
    expect(loadWith({ env: { CUSTOS_DCV_ZONE: 'dcv.saas.test' } }).config.dnsServer).toBe(undefined)
  })

  const listen = 'must be ip:port, such as 192.0.2.53:53 or [2001:db8::53]:53: received '
  const line =
    'must be a name and up to 8 IP addresses, such as ns1.dcv.saas.com 192.0.2.53 2001:db8::53: '
  const many = Array.from({ length: 9 }, (_, i) => `ns${i}.other.com`).join()
  it.each([
    ['CUSTOS_DNS_LISTEN', 'localhost:53', `${listen}"localhost:53"`],
    [
      'CUSTOS_DNS_LISTEN',
      '127.0.0.1:53,127.0.0.1:53',
      'must not name an address twice: received 127.0.0.1:53',
    ],
    [
      'CUSTOS_DNS_LISTEN',
      '127.0.0.1:8787',
      'must not be the address of CUSTOS_CONTROL: received 127.0.0.1:8787',
    ],
    [
      'CUSTOS_DNS_LISTEN',
      '127.0.0.1:53,127.0.0.1:8787',
      'must not be the address of CUSTOS_CONTROL: received 127.0.0.1:8787',
    ],
    ['CUSTOS_DNS_NS', 'ns1.saas.test nowhere', `${line}"ns1.saas.test nowhere"`],
    ['CUSTOS_DNS_NS', 'ns1.saas.test 1.2.3', `${line}"ns1.saas.test 1.2.3"`],
    ['CUSTOS_DNS_NS', 'ns1.saas.test fe80::1%eth0', `${line}"ns1.saas.test fe80::1%eth0"`],
    ['CUSTOS_DNS_NS', '192.0.2.1', 'must not be an IP address: "192.0.2.1"'],
    ['CUSTOS_DNS_NS', 'a.test,A.test', 'must not name a.test twice'],
    ['CUSTOS_DNS_NS', many, 'must be at most 8 name servers: has 9'],
    [
      'CUSTOS_DNS_NS',
      'ns1.other.com 192.0.2.1',
      'must give addresses only to names in dcv.saas.test: gives some to ns1.other.com',
    ],
  ])('is refused %s=%s', (variable, value, message) => {
    expect(mistakesIn({ ...SERVER, [variable]: value })).toEqual([`${variable}: ${message}`])
  })
})
