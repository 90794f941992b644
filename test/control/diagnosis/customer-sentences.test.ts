import { describe, expect, it } from 'vitest'

import type { CheckName, CheckStatus } from '#control/diagnosis/diagnosis.ts'
import type { Sighting } from '#control/diagnosis/facts.ts'
import { createEdgePrefixes } from '#control/validation/edge-prefixes.ts'
import {
  H,
  TARGET,
  EDGE,
  OTHER,
  found,
  aliases,
  alias,
  has,
  records,
  edgeAnswers,
  othersAnswer,
  closed,
  facts,
  named,
  sentenceOf,
  noAlias,
} from '#test/diagnosis-facts.ts'

const MISSING = { isReady: false, problem: 'No TXT record.' } as const

describe('the sentence about', () => {
  it.each<[string, CheckName, CheckStatus, Partial<Sighting>, string]>([
    [
      'a name that does not exist',
      'dns',
      'wrong',
      { addresses: { outcome: 'nxdomain' }, aliases: { outcome: 'nxdomain' } },
      `${H} does not exist in DNS: add ${H} CNAME ${TARGET}.`,
    ],
    [
      'a name without address',
      'dns',
      'wrong',
      { addresses: { outcome: 'nodata' }, ...noAlias },
      `${H} has no address in DNS: add ${H} CNAME ${TARGET}.`,
    ],
    [
      'servers that fail',
      'dns',
      'wrong',
      { addresses: { outcome: 'servfail' }, aliases: { outcome: 'servfail' } },
      `The name servers of ${H} fail (SERVFAIL): the DNS host must mend the zone.`,
    ],
    [
      'servers that are silent',
      'dns',
      'wrong',
      { addresses: { outcome: 'timeout' }, aliases: { outcome: 'timeout' } },
      `The name servers of ${H} do not answer: the DNS host must mend them.`,
    ],
    [
      'a service that reaches no DNS server',
      'dns',
      'wrong',
      { addresses: { outcome: 'unheard' }, aliases: { outcome: 'unheard' } },
      'None of the DNS servers that this service asks answers: its operator must mend that.',
    ],
    [
      'an alias of nothing',
      'dns',
      'wrong',
      { addresses: { outcome: 'nxdomain' }, aliases: aliases('gone.old.net') },
      `${H} is an alias of gone.old.net, which does not exist: set ${H} CNAME ${TARGET}.`,
    ],
    [
      'a target of ours that does not exist',
      'dns',
      'wrong',
      { addresses: { outcome: 'nxdomain' } },
      `${H} points here, but its target ${TARGET} does not exist: the operator of this service must mend that.`,
    ],
    [
      'aliases in a circle',
      'dns',
      'wrong',
      {
        addresses: { outcome: 'servfail' },
        aliases: { ...aliases('a.net', 'b.net'), endsBy: 'loop' },
      },
      `The aliases of ${H} lead in a circle: set ${H} CNAME ${TARGET}.`,
    ],
    [
      'what was not seen',
      'dns',
      'unknown',
      { addresses: undefined },
      `${H} could not be looked up in time.`,
    ],
    [
      'broken signatures',
      'dnssec',
      'wrong',
      { dnssec: 'bogus' },
      `The DNSSEC signatures of ${H} do not hold, so no CA may issue for it: have the zone signed anew, or the DS record removed at the registrar.`,
    ],
    [
      'signatures that nobody checks',
      'dnssec',
      'unknown',
      { dnssec: 'unknown' },
      'No validating resolver is asked here, so whether DNSSEC holds is not known.',
    ],
    [
      'a server that lags behind',
      'name_servers',
      'waiting',
      { records: records({ ns1: alias('customers.saas.com'), ns2: has(OTHER) }) },
      `ns2 (203.0.113.2) does not have the new record of ${H} yet, ns1 (203.0.113.1) has: wait until all name servers agree.`,
    ],
    [
      'servers that disagree about something else',
      'name_servers',
      'wrong',
      { records: records({ ns1: has(OTHER), ns2: { outcome: 'nxdomain' } }) },
      `The name servers of ${H} disagree: have the zone copied to all of them.`,
    ],
    [
      'a server that is silent',
      'name_servers',
      'unknown',
      { records: records({ ns1: alias('customers.saas.com'), ns2: { outcome: 'timeout' } }) },
      'ns2 (203.0.113.2) gave no answer here; the others agree.',
    ],
    [
      'another CNAME target',
      'target',
      'wrong',
      { addresses: found(OTHER), aliases: aliases('shop.old.net') },
      `${H} is an alias of shop.old.net, which is not this service: change it to ${H} CNAME ${TARGET}.`,
    ],
    [
      'a forgotten dot',
      'target',
      'wrong',
      { addresses: found(OTHER), aliases: aliases('customers.saas.com.customer.com') },
      `The CNAME record of ${H} lacks the dot at the end of its target, so it leads to customers.saas.com.customer.com: enter "customers.saas.com." there.`,
    ],
    [
      'an A record in its place',
      'target',
      'wrong',
      { addresses: found(OTHER), ...noAlias, http: [closed(4)] },
      `${H} has the A record ${OTHER}, which is not this service: remove it and add ${H} CNAME ${TARGET}.`,
    ],
    [
      'a flattened record',
      'target',
      'ok',
      { addresses: found(EDGE), ...noAlias },
      `${H} has addresses of the edges.`,
    ],
    [
      'an apex name',
      'target',
      'wrong',
      {
        addresses: found(OTHER),
        ...noAlias,
        http: [closed(4)],
        records: records({ ns1: has(OTHER) }, 'app.customer.com'),
      },
      `${H} has the A record ${OTHER}, which is not this service: remove it and add ${H} ALIAS ${TARGET}.`,
    ],
    [
      'a stray AAAA record',
      'ipv6',
      'wrong',
      { addresses: found('2001:db8::9', EDGE), ...noAlias, http: [edgeAnswers(EDGE), closed(6)] },
      `${H} has the AAAA record 2001:db8::9, which leads elsewhere: remove it, or visitors and CAs that use IPv6 go astray.`,
    ],
    [
      'an AAAA record that is right',
      'ipv6',
      'ok',
      {
        addresses: found('2001:db8::7', EDGE),
        targetAddresses: found('2001:db8::7', EDGE),
        ...noAlias,
      },
      `${H} leads here over IPv6 too.`,
    ],
    [
      'a provider in front',
      'proxy',
      'wrong',
      {
        addresses: found(OTHER),
        ...noAlias,
        http: [othersAnswer(OTHER, { provider: 'Cloudflare' })],
      },
      `${H} is answered by Cloudflare, as its answer says, and not by this service: switch off its proxy for this name (“DNS only”), or let it pass requests on to ${TARGET}.`,
    ],
    [
      'a provider that passes on',
      'proxy',
      'ok',
      { http: [othersAnswer(OTHER, { provider: 'Fastly', isCustos: true })] },
      `${H} reaches the edges through Fastly.`,
    ],
    [
      'a closed port',
      'http',
      'wrong',
      { http: [closed(4)] },
      `${H} refused the connection on port 80. Validation by HTTP needs that port open.`,
    ],
    [
      'a closed port of one family',
      'http',
      'unknown',
      { http: [closed(6), edgeAnswers(EDGE)] },
      `${H} refused the connection on port 80. The other addresses are right; it may be that there is no IPv6 here.`,
    ],
    [
      'somebody else’s server',
      'http',
      'wrong',
      { http: [othersAnswer(OTHER)] },
      `Somebody else answers for ${H} at ${OTHER}, not an edge: let the name lead here, or pass /.well-known/ on.`,
    ],
    [
      'redirects in a circle',
      'http',
      'wrong',
      {
        http: [
          othersAnswer(
            OTHER,
            {},
            { kind: 'redirect', problem: `The redirects of ${H} (${OTHER}) lead in a circle.` },
          ),
        ],
      },
      `The redirects of ${H} (${OTHER}) lead in a circle. Let requests below /.well-known/ through without a redirect.`,
    ],
    [
      'a port that says nothing',
      'http',
      'unknown',
      { http: undefined },
      `${H} did not answer over HTTP in time.`,
    ],
    [
      'CAA that forbids',
      'caa',
      'wrong',
      {
        permissions: [
          {
            ca: 'Test CA',
            finding: { isPermitted: false, reason: 'caa', problem: 'CAA says no.' },
          },
        ],
      },
      'CAA says no.',
    ],
    [
      'CAA that forbids one CA of two',
      'caa',
      'ok',
      {
        permissions: [
          { ca: 'First CA', finding: { isPermitted: false, reason: 'caa', problem: 'no' } },
          { ca: 'Second CA', finding: { isPermitted: true } },
        ],
      },
      `Second CA may issue for ${H}.`,
    ],
    [
      'CAA not seen',
      'caa',
      'unknown',
      { permissions: undefined },
      'Who may issue for the name (CAA) could not be looked up in time.',
    ],
    [
      'a challenge that is not shown',
      'challenge',
      'wrong',
      { challenges: [{ type: 'dns-01', finding: MISSING }], http: [closed(4)] },
      'No TXT record.',
    ],
    [
      'a challenge that HTTP makes needless',
      'challenge',
      'ok',
      { challenges: [{ type: 'dns-01', finding: MISSING }] },
      'The name leads here, so the CA is shown it over HTTP and needs no TXT record.',
    ],
    [
      'a challenge that is shown',
      'challenge',
      'ok',
      { challenges: [{ type: 'dns-01', finding: { isReady: true } }] },
      'The CA would see what it wants to see.',
    ],
  ])('%s', (_, name, status, seen, sentence) => {
    expect(sentenceOf(name, facts(seen))).toBe(`${status}: ${sentence}`)
  })

  it('a stray AAAA record is not told where nobody knows the edges’ addresses', () => {
    const seen = {
      addresses: found('::1', '127.0.0.1'),
      ...noAlias,
      targetAddresses: { outcome: 'nxdomain' } as const,
      http: [closed(6), edgeAnswers('127.0.0.1')],
    }
    expect(sentenceOf('ipv6', facts(seen))).toBeUndefined()
    expect(sentenceOf('target', facts(seen))).toBe(`ok: ${H} has addresses of the edges.`)
  })

  it('a challenge of a wildcard is needed, wherever the name leads', () => {
    const { ssl } = named()
    const record = named({ ssl: ssl && { ...ssl, wildcard: true } })
    const challenges = [{ type: 'dns-01' as const, finding: MISSING }]
    expect(sentenceOf('challenge', facts({ challenges }, { record }))).toBe('wrong: No TXT record.')
  })

  it('a provider in front is told once', () => {
    const http = [othersAnswer(OTHER, { provider: 'Cloudflare' })]
    expect(sentenceOf('http', facts({ http }))).toBeUndefined()
  })

  it('a target that nobody set is not compared', () => {
    const seen = {
      addresses: found(OTHER),
      ...noAlias,
      targetAddresses: undefined,
      http: [closed(4)],
    }
    expect(sentenceOf('target', facts(seen, { target: undefined }))).toBe(
      'unknown: The zone has no CNAME target, so nothing can be compared.',
    )
  })

  it('addresses within the settings’ prefixes counts them as ours', () => {
    const seen = {
      addresses: found(EDGE),
      ...noAlias,
      targetAddresses: undefined,
      http: [closed(4)],
    }
    const isEdgeAddress = createEdgePrefixes(['192.0.2.0/24'])
    const known = { target: undefined, isEdgeAddress, hasEdgePrefixes: true }
    expect(sentenceOf('target', facts(seen, known))).toBe(`ok: ${H} has addresses of the edges.`)
  })

  it.each<[string, CheckStatus, string, string]>([
    [
      'an old one',
      'wrong',
      'x.old.net',
      `is an alias of x.old.net, left from another provider: change it to _acme-challenge.${H} CNAME ${H}.0123456789abcdef.dcv.saas.com.`,
    ],
    ['ours', 'ok', `${H}.0123456789abcdef.dcv.saas.com`, 'is delegated to us.'],
  ])('a delegation: %s', (_, status, target, sentence) => {
    const { ssl } = named()
    const record = named({ ssl: ssl && { ...ssl, method: 'txt' } })
    expect(sentenceOf('dcv_delegation', facts({ delegation: aliases(target) }, { record }))).toBe(
      `${status}: _acme-challenge.${H} ${sentence}`,
    )
  })

  it('a delegation is left out where nobody needs one', () => {
    expect(
      sentenceOf('dcv_delegation', facts({ delegation: aliases('x.old.net') })),
    ).toBeUndefined()
  })
})
