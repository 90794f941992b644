import type { RequestListener } from 'node:http'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { createDiagnose } from '#control/diagnosis/diagnose.ts'
import { txtValueOf } from '#control/ca/key-authorization.ts'
import { createEdgePrefixes } from '#control/validation/edge-prefixes.ts'
import { createNetworkInspector } from '#control/validation/network-inspector.ts'
import { createWellKnownFetch } from '#control/validation/well-known-fetch.ts'
import { systemClock } from '#lib/clock.ts'
import { startApi, ZONE_ID, type ApiServer } from '#test/api-server.ts'
import { startKnot, type Knot } from '#test/knot.ts'
import { freePort } from '#test/ports.ts'
import { anOrder } from '#test/records.ts'
import { testResolver } from '#test/test-resolver.ts'
import { startUnbound, type Unbound } from '#test/unbound.ts'
import { startWellKnownServer } from '#test/well-known-server.ts'

/**
 * Customers' zones as they are in the world, each with one mistake, on real authoritative servers
 * (Knot) behind a validating resolver (Unbound); real web servers; asked through the API.
 */
const NS1 = '127.11.1.1'
const NS2 = '127.11.1.2'
const EDGE = '127.0.0.1'
const OTHERS = '127.0.0.2'
const PROXY = '127.0.0.3'
const CLOSED = '127.0.0.4'
const CIRCLE = '127.0.0.5'
const TARGET = 'customers.saas.test'

const COMMON = `@ NS ns\nns A ${NS1}\n`
const CUSTOMER = `${COMMON}
good CNAME ${TARGET}.
moved CNAME shop.old.test.
dotless CNAME ${TARGET}
address A ${OTHERS}
stray A ${EDGE}
stray AAAA ::1
proxied A ${PROXY}
closed A ${CLOSED}
circle A ${CIRCLE}
cloud A 169.254.169.254
deadend CNAME gone.old.test.
txt A ${OTHERS}
_acme-challenge.stale CNAME stale.dcv.old.test.
stale A ${OTHERS}
`
const ZONES = {
  'customer.test': CUSTOMER,
  'saas.test': `${COMMON}customers A ${EDGE}\n`,
  'old.test': `${COMMON}shop A ${OTHERS}\n`,
  'caa.test': `${COMMON}@ CAA 0 issue "digicert.com"\nwww CNAME ${TARGET}.\n`,
  'signed.test': `${COMMON}www A ${EDGE}\n`,
}

const edge: RequestListener = (_, response) =>
  response.writeHead(404, { 'x-custos-error': 'no_challenge' }).end('No such challenge.\n')
const others: RequestListener = (_, response) => response.end('Welcome to the old shop')
const proxy: RequestListener = (_, response) =>
  response.writeHead(200, { server: 'cloudflare', 'cf-ray': '8c1-AMS' }).end('hello')
const circle: RequestListener = ({ url }, response) =>
  response.writeHead(301, { location: url }).end()

const stack = new AsyncDisposableStack()
let knot: Knot
let second: Knot
let unbound: Unbound
let api: ApiServer

beforeAll(async () => {
  const port = await freePort()
  for (const [address, handler] of Object.entries({
    [EDGE]: edge,
    [OTHERS]: others,
    '::1': others,
    [PROXY]: proxy,
    [CIRCLE]: circle,
  })) {
    stack.use(await startWellKnownServer(handler, { address, port }))
  }
  await startNameServers()
  const resolver = testResolver({
    servers: [unbound.address],
    roots: [knot.endpoint],
    authoritativePort: knot.port,
    timeoutMs: 2_000,
    tries: 2,
  })
  const fetchWellKnown = createWellKnownFetch({ resolver, clock: systemClock, port })
  const eyes = { resolver, fetchWellKnown, clock: systemClock, tlsPort: 443 }
  const diagnose = createDiagnose({
    ...eyes,
    inspector: createNetworkInspector({ ...eyes, isEdgeAddress: createEdgePrefixes([]) }),
    edgePrefixes: [],
    defaultCnameTarget: undefined,
    dcvZone: 'dcv.saas.test',
    listCas: async () => [{ title: 'Test CA', caaIdentities: ['ca.test'] }],
    sharedMs: 0,
  })
  api = stack.use(await startApi({ settings: { allowReservedTlds: true }, deps: { diagnose } }))
  await api.store.zones.update(ZONE_ID, (zone) => ({ ...zone, cnameTarget: TARGET }))
}, 60_000)

afterAll(() => stack.disposeAsync())

async function startNameServers(): Promise<void> {
  knot = stack.use(await startKnot({ address: NS1, zones: ZONES }))
  second = stack.use(await startKnot({ address: NS2, port: knot.port }))
  const split = `@ NS ns\n@ NS ns2\nns A ${NS1}\nns2 A ${NS2}\n`
  await knot.setZone('split.test', `${split}www CNAME ${TARGET}.\n`)
  await second.setZone('split.test', `${split}www A ${OTHERS}\n`)
  const zones = [...Object.keys(ZONES), 'split.test']
  const cuts = zones.flatMap((zone) => {
    const label = zone.replace('.test', '')
    return [`${label} NS ns.${label}`, `ns.${label} A ${NS1}`]
  })
  const more = ['split NS ns2.split', `ns2.split A ${NS2}`]
  const ds = await knot.sign('signed.test')
  await knot.setZone('test', [COMMON, ...cuts, ...more, ...ds].join('\n'))
  const dsOfTest = await knot.sign('test')
  const root = ['@ NS ns.test.', 'test. NS ns.test.', `ns.test. A ${NS1}`]
  await knot.setZone('', [...root, ...dsOfTest].join('\n'))
  unbound = stack.use(
    await startUnbound({
      zones: Object.fromEntries(['', 'test', ...zones].map((zone) => [zone, knot.endpoint])),
      trustAnchors: await knot.sign(''),
    }),
  )
}

interface Shown {
  status: string
  summary: string
  checks: {
    name: string
    status: string
    sentence: string
    seen: { server: string; answer: string }[]
  }[]
}

async function create(hostname: string): Promise<string> {
  const ssl = { method: 'http', type: 'dv' } as const
  const { id } = await api.client.customHostnames.create({ zone_id: ZONE_ID, hostname, ssl })
  return id
}

async function diagnose(id: string): Promise<Shown> {
  const path = `/client/v4/zones/${ZONE_ID}/custom_hostnames/${id}/diagnosis`
  const { status, json } = await api.fetch(path)
  expect(status).toBe(200)
  return json.result
}

const diagnoseNew = async (hostname: string): Promise<Shown> => diagnose(await create(hostname))

function sentenceOf(shown: Shown, name: string): string {
  const check = shown.checks.find((one) => one.name === name)
  return check ? `${check.status}: ${check.sentence}` : 'none'
}

describe('a customer’s mistake, seen through the API', () => {
  it.each([
    [
      'none.customer.test',
      'none.customer.test does not exist in DNS: add none.customer.test CNAME customers.saas.test.',
    ],
    [
      'moved.customer.test',
      'moved.customer.test is an alias of shop.old.test, which is not this service: change it to moved.customer.test CNAME customers.saas.test.',
    ],
    [
      'deadend.customer.test',
      'deadend.customer.test is an alias of gone.old.test, which does not exist: set deadend.customer.test CNAME customers.saas.test.',
    ],
    [
      'address.customer.test',
      'address.customer.test has the A record 127.0.0.2, which is not this service: remove it and add address.customer.test CNAME customers.saas.test.',
    ],
    [
      'stray.customer.test',
      'stray.customer.test has the AAAA record ::1, which leads elsewhere: remove it, or visitors and CAs that use IPv6 go astray.',
    ],
    [
      'proxied.customer.test',
      'proxied.customer.test is answered by Cloudflare, as its answer says, and not by this service: switch off its proxy for this name (“DNS only”), or let it pass requests on to customers.saas.test.',
    ],
    [
      'customer.test',
      'customer.test has no address in DNS: add customer.test ALIAS customers.saas.test.',
    ],
    [
      'www.caa.test',
      'CAA records block issuance. Please remove all CAA records or add records for this authority. The CAA records at caa.test permit only digicert.com: add caa.test CAA 0 issue "ca.test".',
    ],
  ])('%s', async (hostname, summary) => {
    expect(await diagnoseNew(hostname)).toMatchObject({ status: 'wrong', summary })
  })

  it('is none where the name points here: the rest only takes time', async () => {
    const shown = await diagnoseNew('good.customer.test')
    expect(shown.status).toBe('waiting')
    expect(shown.summary).toMatch(/^The proof of good\.customer\.test is in place: the next look, /)
    expect(sentenceOf(shown, 'dnssec')).toBe('ok: Validating resolvers believe good.customer.test.')
    expect(sentenceOf(shown, 'http')).toBe('ok: An edge answers for good.customer.test over HTTP.')
    expect(shown.checks.find(({ name }) => name === 'target')?.seen).toEqual([
      { server: `ns.customer.test (${NS1})`, answer: `CNAME ${TARGET}` },
    ])
  })

  it('is a forgotten dot', async () => {
    const shown = await diagnoseNew('dotless.customer.test')
    expect(shown.summary).toBe(
      `The CNAME record of dotless.customer.test lacks the dot at the end of its target, so it leads to ${TARGET}.customer.test: enter "${TARGET}." there.`,
    )
  })

  it('is a closed port, or redirects in a circle, told beside where the name leads', async () => {
    const closed = sentenceOf(await diagnoseNew('closed.customer.test'), 'http')
    expect(closed).toMatch(/^wrong: closed\.customer\.test \(127\.0\.0\.4\) refused the connection/)
    const inCircle = sentenceOf(await diagnoseNew('circle.customer.test'), 'http')
    expect(inCircle).toBe(
      'wrong: The redirects of circle.customer.test (127.0.0.5) lead in a circle. Let requests below /.well-known/ through without a redirect.',
    )
  })

  it('is one name server that lags behind', async () => {
    const shown = await diagnoseNew('www.split.test')
    expect(sentenceOf(shown, 'name_servers')).toBe(
      `waiting: ns2.split.test (${NS2}) does not have the new record of www.split.test yet, ns.split.test (${NS1}) has: wait until all name servers agree.`,
    )
  })

  it('is the ownership token at the wrong name', async () => {
    const id = await create('token.customer.test')
    const record = await api.store.hostnames.find(id)
    const placed = `_cf-custom-hostname.token.customer.test TXT ${record?.ownershipToken}`
    await knot.setZone('customer.test', `${CUSTOMER}token A ${OTHERS}\n${placed}\n`)
    expect(sentenceOf(await diagnose(id), 'ownership')).toBe(
      'wrong: The TXT record stands at _cf-custom-hostname.token.customer.test.customer.test, not at _cf-custom-hostname.token.customer.test: enter "_cf-custom-hostname.token" as its name at the DNS host.',
    )
  })

  it('is a delegation left from another provider', async () => {
    const id = await createWithTxt('stale.customer.test')
    const shown = await diagnose(id)
    expect(sentenceOf(shown, 'challenge')).toMatch(
      /^wrong: _acme-challenge\.stale\.customer\.test is an alias of stale\.dcv\.old\.test, where the value \S+ is not: a CNAME record left from another provider must be removed\.$/,
    )
  })

  it('is a challenge that is missing, until it is there', async () => {
    const id = await createWithTxt('txt.customer.test')
    const value = txtValueOf('token.thumbprint')
    expect(sentenceOf(await diagnose(id), 'challenge')).toBe(
      `wrong: _acme-challenge.txt.customer.test has no TXT record: add the TXT record _acme-challenge.txt.customer.test with the value ${value}.`,
    )
    await knot.setZone('customer.test', `${CUSTOMER}_acme-challenge.txt TXT ${value}\n`)
    expect(sentenceOf(await diagnose(id), 'challenge')).toBe(
      'ok: The CA would see what it wants to see.',
    )
  })

  it('is an address that no CA can reach', async () => {
    expect(sentenceOf(await diagnoseNew('cloud.customer.test'), 'http')).toBe(
      'wrong: cloud.customer.test has the address 169.254.169.254, which is link-local: the CA cannot reach it.',
    )
  })

  it('is DNSSEC that is broken', async () => {
    await knot.breakSignature('signed.test')
    await unbound.flush()
    expect((await diagnoseNew('www.signed.test')).summary).toBe(
      'The DNSSEC signatures of www.signed.test do not hold, so no CA may issue for it: have the zone signed anew, or the DS record removed at the registrar.',
    )
  })

  it('are servers that do not answer', async () => {
    second.pause()
    try {
      const shown = await diagnose(await create('mail.split.test'))
      expect(sentenceOf(shown, 'name_servers')).toMatch(
        /^unknown: ns2\.split\.test \(127\.11\.1\.2\) gave no answer here/,
      )
    } finally {
      second.resume()
    }
  })
})

/** As a lifecycle leaves it whose order asks for DNS. */
async function createWithTxt(hostname: string): Promise<string> {
  const id = await create(hostname)
  const challenge = {
    type: 'dns-01' as const,
    identifier: hostname,
    url: 'challenge/1',
    token: 'token',
    keyAuthorization: 'token.thumbprint',
  }
  const order = anOrder({ challenges: [challenge] })
  await api.store.hostnames.update(id, (record) => {
    const chains = record.chains.map((chain) => {
      if (chain.issuance.state !== 'ordered') return chain
      return { ...chain, issuance: { ...chain.issuance, order } }
    })
    return { record: { ...record, chains, ssl: record.ssl && { ...record.ssl, method: 'txt' } } }
  })
  return id
}
