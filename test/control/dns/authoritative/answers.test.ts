import { createHash } from 'node:crypto'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import {
  DCV_ZONE,
  startDcvDnsOnStore,
  UUID,
  withDnsOrders,
  type StoreAndDns,
} from '#test/dcv-dns.ts'
import { dig, type DigAnswer } from '#test/dig.ts'
import { aHostname } from '#test/records.ts'
import { parseHostname } from '#domain/hostname.ts'

/** RFC 8555 section 8.4. */
const valueOf = (keyAuthorization: string): string =>
  createHash('sha256').update(keyAuthorization).digest('base64url')

const LONG = `${'long-label-of-a-name.'.repeat(8)}tenant.com`
const MANY = Array.from({ length: 30 }, (_, i) => `many-${i}.thumb`)

let dns: StoreAndDns
beforeAll(async () => {
  dns = await startDcvDnsOnStore([
    withDnsOrders('app.customer.com', { ecdsa: ['one.thumb'] }),
    withDnsOrders('wild.customer.com', { ecdsa: ['base.thumb', 'star.thumb'], rsa: ['rsa.thumb'] }),
    withDnsOrders(LONG, { ecdsa: ['long-1.thumb', 'long-2.thumb'] }),
    withDnsOrders('many.customer.com', { ecdsa: MANY }),
    aHostname({ hostname: parseHostname('deep.eu.tenant.com') }),
  ])
})
afterAll(() => dns[Symbol.asyncDispose]())

const ask = (...args: string[]): Promise<DigAnswer> => dig(dns.address, ...args)
const under = (host: string): string => `${host}.${UUID}.${DCV_ZONE}`

const SOA = `${DCV_ZONE}. 0 IN SOA ns1.${DCV_ZONE}. hostmaster.${DCV_ZONE}. 1 86400 7200 3600000 0`

describe('the values of an open order', () => {
  it('stand at the hostname below the delegation, authoritatively and for a short time', async () => {
    const answer = await ask(under('app.customer.com'), 'TXT')
    expect(answer).toMatchObject({ status: 'NOERROR', flags: ['qr', 'aa'], authority: [] })
    const txt = `"${valueOf('one.thumb')}"`
    expect(answer.answer).toEqual([`${under('app.customer.com')}. 0 IN TXT ${txt}`])
    expect(answer.text).not.toContain('WARNING')
  })

  it('are several where a wildcard or a second chain is ordered too', async () => {
    const { text } = await ask(under('wild.customer.com'), 'TXT', '+short')
    const values = ['base.thumb', 'star.thumb', 'rsa.thumb'].map((each) => `"${valueOf(each)}"`)
    expect(text.trim().split('\n').sort()).toEqual(values.sort())
  })

  it('are found in any case, and the question comes back in the case it was asked', async () => {
    const asked = `aPP.CusTomer.coM.${UUID.toUpperCase()}.DCV.saas.TEST`
    const { question, answer } = await ask(asked, 'TXT')
    expect(question).toBe(`${asked}. IN TXT`)
    expect(answer).toEqual([`${asked}. 0 IN TXT "${valueOf('one.thumb')}"`])
  })

  it('are the same by TCP', async () => {
    const { answer, text } = await ask(under('app.customer.com'), 'TXT', '+tcp')
    expect(answer).toHaveLength(1)
    expect(text).toContain('(TCP)')
  })

  it('end with the order', async () => {
    const record = withDnsOrders('ended.customer.com', { ecdsa: ['x.thumb'] }, { expiresAt: 1 })
    await dns.store.hostnames.create(record)
    const answer = await ask(under('ended.customer.com'), 'TXT')
    expect(answer).toMatchObject({ status: 'NOERROR', answer: [], authority: [SOA] })
  })
})

describe('what does not exist', () => {
  it.each([
    'nobody.customer.com',
    'app.customer.com.nowhere',
    'x.app.customer.com',
    '_acme-challenge.app.customer.com',
    'tomer.com',
    '\\*.customer.com',
    'app\\.customer.com',
    'a\\000b.com',
    '\\255.com',
    `${'l'.repeat(63)}.com`,
  ])('is denied below a delegation: %s', async (host) => {
    const answer = await ask(under(host), 'TXT')
    expect(answer).toMatchObject({ status: 'NXDOMAIN', flags: ['qr', 'aa'], answer: [] })
    expect(answer.authority).toEqual([SOA])
  })

  it.each(['nothing', 'ffffffffffffffff', 'app.customer.com.ffffffffffffffff', 'x.ns1', '0123'])(
    'is denied in the zone: %s',
    async (relative) => {
      const answer = await ask(`${relative}.${DCV_ZONE}`, 'TXT')
      expect(answer).toMatchObject({ status: 'NXDOMAIN', authority: [SOA] })
    },
  )
})

describe('a name without the record that is asked for', () => {
  it.each([
    ['a hostname with an order', under('app.customer.com'), 'A'],
    ['a hostname with an order', under('app.customer.com'), 'CAA'],
    ['a hostname with an order', under('app.customer.com'), 'TYPE65280'],
    ['a hostname without an order', under('deep.eu.tenant.com'), 'TXT'],
    ['the end of a hostname', under('eu.tenant.com'), 'TXT'],
    ['the end of a hostname', under('com'), 'NS'],
    ['a delegation', `${UUID}.${DCV_ZONE}`, 'NS'],
    ['the end of a name server', `ns.${DCV_ZONE}`, 'A'],
    ['a name server', `ns1.${DCV_ZONE}`, 'AAAA'],
    ['the zone', DCV_ZONE, 'A'],
    ['the zone, whose parent has that', DCV_ZONE, 'DS'],
  ])('exists: %s (%s %s)', async (_, name, type) => {
    const answer = await ask(name, type)
    expect(answer).toMatchObject({ status: 'NOERROR', flags: ['qr', 'aa'], answer: [] })
    expect(answer.authority).toEqual([SOA])
  })
})

describe('the zone itself', () => {
  it('has an SOA record', async () => {
    expect((await ask(DCV_ZONE, 'SOA')).answer).toEqual([SOA.replace(' 0 IN', ' 300 IN')])
  })

  it('has name servers, and the addresses of those that lie in it', async () => {
    const { answer, additional } = await ask(DCV_ZONE, 'NS')
    const names = [`ns1.${DCV_ZONE}.`, `b.ns.${DCV_ZONE}.`, 'ns.other.test.']
    expect(answer).toEqual(names.map((name) => `${DCV_ZONE}. 300 IN NS ${name}`))
    const glue = [
      `ns1.${DCV_ZONE}. 300 IN A 192.0.2.53`,
      `b.ns.${DCV_ZONE}. 300 IN AAAA 2001:db8::53`,
    ]
    expect(additional).toEqual(glue)
    expect((await ask(`ns1.${DCV_ZONE}`, 'A')).answer).toEqual(glue.slice(0, 1))
    expect((await ask(`B.NS.${DCV_ZONE}`, 'AAAA')).answer).toHaveLength(1)
  })

  it('lets nobody issue certificates for its names', async () => {
    expect((await ask(DCV_ZONE, 'CAA')).answer).toEqual([`${DCV_ZONE}. 300 IN CAA 0 issue ";"`])
  })
})

describe('other questions', () => {
  it.each([
    ['another zone', ['saas.test', 'SOA']],
    ['the root', ['.', 'NS']],
    ['a name that only ends alike', ['xdcv.saas.test', 'A']],
    ['a transfer', [DCV_ZONE, 'AXFR', '+tcp']],
    ['an incremental transfer', [DCV_ZONE, 'IXFR=1', '+tcp']],
    ['another class', [DCV_ZONE, 'CH', 'TXT']],
    ['any class', [DCV_ZONE, 'ANY', 'SOA', '-c', 'ANY']],
    ['the version', ['version.bind', 'CH', 'TXT']],
    ['mail agents', [DCV_ZONE, 'TYPE254']],
    ['a TSIG record', [DCV_ZONE, 'TYPE250']],
  ])('are refused: %s', async (_, args) => {
    const { text } = await ask(...args)
    expect(text).toMatch(/status: REFUSED|Transfer failed/)
    expect(text).not.toMatch(/flags:[a-z ]* (aa|ra)/)
  })

  it('never have recursion', async () => {
    const { flags } = await ask('+rec', DCV_ZONE, 'SOA')
    expect(flags).toEqual(['qr', 'aa', 'rd'])
  })

  it.each([DCV_ZONE, under('app.customer.com')])(
    'of type ANY get one record (%s)',
    async (name) => {
      const { answer, status } = await ask(name, 'ANY', '+notcp')
      expect(status).toBe('NOERROR')
      expect(answer).toEqual([`${name}. 0 IN HINFO "RFC8482" ""`])
    },
  )

  it('of type ANY for a name without records get none', async () => {
    const answer = await ask(under('customer.com'), 'ANY', '+notcp')
    expect(answer).toMatchObject({ status: 'NOERROR', answer: [], authority: [SOA] })
  })

  it.each(['1', '2', '3', '4', '5', '15'])('with opcode %s are not implemented', async (opcode) => {
    const { status } = await ask(DCV_ZONE, 'SOA', `+opcode=${opcode}`)
    expect(status).toBe('NOTIMP')
  })
})

describe('EDNS', () => {
  it('is answered where it is spoken, options or not', async () => {
    const asked = await ask(DCV_ZONE, 'SOA', '+cookie', '+nsid', '+subnet=192.0.2.0/24')
    expect(asked.edns).toBe('version: 0, flags:; udp: 1232')
    expect((await ask(DCV_ZONE, 'SOA', '+noedns')).edns).toBeUndefined()
    expect((await ask('example.org', 'SOA')).edns).toBeDefined()
  })

  it('gives the DO bit back', async () => {
    const { edns, answer } = await ask(DCV_ZONE, 'SOA', '+dnssec')
    expect(edns).toBe('version: 0, flags: do; udp: 1232')
    expect(answer).toHaveLength(1)
  })

  it('of another version is refused with the one that is spoken', async () => {
    const { status, edns, answer } = await ask(DCV_ZONE, 'SOA', '+edns=1', '+noednsneg')
    expect(status).toBe('BADVERS')
    expect(edns).toBe('version: 0, flags:; udp: 1232')
    expect(answer).toEqual([])
  })

  it('says how large an answer may be, up to 1232 bytes', async () => {
    const small = await ask(under('many.customer.com'), 'TXT', '+noedns', '+ignore')
    expect(small).toMatchObject({ flags: ['qr', 'aa', 'tc'], answer: [] })
    expect(small.size).toBeLessThanOrEqual(512)
    const large = await ask(under('many.customer.com'), 'TXT', '+bufsize=4096', '+ignore')
    expect(large.flags).toContain('tc')
    const whole = await ask(under('many.customer.com'), 'TXT', '+bufsize=4096')
    expect(whole.answer).toHaveLength(MANY.length)
    expect(whole.text).toContain('Truncated, retrying in TCP mode')
  })

  it('is not needed for the two values of the longest names', async () => {
    const { flags, answer, size } = await ask(under(LONG), 'TXT', '+noedns', '+ignore')
    expect(flags).toEqual(['qr', 'aa'])
    expect(answer).toHaveLength(2)
    expect(size).toBeLessThanOrEqual(512)
  })

  it('below 512 counts as 512', async () => {
    const { flags } = await ask(under('wild.customer.com'), 'TXT', '+bufsize=1', '+ignore')
    expect(flags).toEqual(['qr', 'aa'])
  })
})
