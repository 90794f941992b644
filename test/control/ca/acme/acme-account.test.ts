import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'

import { AcmeClient } from '#control/ca/acme/acme-client.ts'
import type { AcmeIssuer } from '#control/ca/acme/acme-issuer.ts'
import { systemClock } from '#lib/clock.ts'
import { silentLogger } from '#lib/log.ts'
import { answering, problem, startFaultyCa, type FaultyCa } from '#test/faulty-ca.ts'
import { memorySecrets } from '#test/memory-secrets.ts'
import { startPebble, type Pebble } from '#test/pebble.ts'

import { issuerAt, NEVER, newHostname, open, type IssuerSetUp } from './acme-side.ts'

let pebble: Pebble
let ca: FaultyCa
const started: AcmeIssuer[] = []

beforeAll(async () => {
  pebble = await startPebble({ httpPort: 1 })
  ca = await startFaultyCa(pebble)
})
afterEach(async () => {
  ca.mend()
  await Promise.all(started.splice(0).map((issuer) => issuer.close()))
})
afterAll(async () => {
  await ca?.close()
  await pebble?.close()
})

function start(options: Partial<IssuerSetUp> = {}): AcmeIssuer {
  const issuer = issuerAt({ ...ca, ...options })
  started.push(issuer)
  return issuer
}

/** What somebody with the account's key may do at any time (RFC 8555 section 7.3.6). */
async function deactivateAccount(secrets: ReturnType<typeof memorySecrets>): Promise<void> {
  const { directoryUrl, httpsRoots } = ca
  const client = new AcmeClient({
    directoryUrl,
    secrets,
    title: 'Pebble',
    clock: systemClock,
    log: silentLogger,
    email: undefined,
    externalAccount: undefined,
    account: undefined,
    roots: [httpsRoots],
    timeoutMs: 5_000,
  })
  const url = ca.posted.findLast(({ kid }) => kid !== undefined)?.kid ?? ''
  await client.post({ url, payload: { status: 'deactivated' } }, NEVER)
  await client.close()
}

describe('an account that was ended', () => {
  it('refuses orders for good, and says what begins anew, which does', async () => {
    const secrets = memorySecrets()
    const issuer = start({ secrets })
    await open(issuer, newHostname())
    await deactivateAccount(secrets)
    const expected = {
      kind: 'rejected',
      problemType: 'unauthorized',
      message: expect.stringMatching(
        /^Our account at localhost:\d+ is closed for good \(.+"account"/,
      ),
    }
    await expect(open(issuer, newHostname())).rejects.toMatchObject(expected)
    // Nor is it forgotten by a restart.
    await expect(open(start({ secrets }), newHostname())).rejects.toMatchObject(expected)
    const anew = start({ secrets, account: '2' })
    await expect(open(anew, newHostname())).resolves.toHaveProperty('challenges.length', 3)
  })

  it('is told apart from an order that the account may not have', async () => {
    const issuer = start()
    await open(issuer, newHostname())
    const body = problem('unauthorized', 'Not for you')
    ca.fault = answering('/order-plz', { status: 403, body })
    await expect(open(issuer, newHostname())).rejects.toMatchObject({
      kind: 'rejected',
      message: 'Not for you',
    })
    ca.fault = undefined
    await expect(open(issuer, newHostname())).resolves.toHaveProperty('challenges.length', 3)
  })

  it.each(['deactivated', 'revoked'])('may be told by its status: %s', async (status) => {
    ca.rewrite = (path, body) =>
      path === '/sign-me-up' ? Buffer.from(JSON.stringify({ status })) : body
    await expect(open(start(), newHostname())).rejects.toMatchObject({
      kind: 'rejected',
      message: expect.stringContaining(`status "${status}"`),
    })
  })
})

describe('accounts at one CA', () => {
  it('are several where they have labels: each has its own key', async () => {
    const values = new Map<string, Uint8Array>()
    const secrets = memorySecrets(values)
    const [one, two] = [start({ secrets }), start({ secrets, account: 'second' })]
    const from = ca.posted.length
    await Promise.all([open(one, newHostname()), open(two, newHostname())])
    const kids = ca.posted.slice(from).flatMap(({ kid }) => kid ?? [])
    expect(new Set(kids).size).toBe(2)
    const name = `acme-account:${ca.directoryUrl}`
    expect([...values.keys()].toSorted()).toEqual([name, `${name}#second`])
  })
})

describe('a CA that makes accounts only for whom it knows', () => {
  it('says so, or its directory, and so do we', async () => {
    const expected = {
      kind: 'rejected',
      problemType: 'externalAccountRequired',
      message: expect.stringMatching(/external account binding, which is not set up/),
    }
    ca.meta = { externalAccountRequired: true }
    await expect(open(start(), newHostname())).rejects.toMatchObject(expected)
    ca.meta = undefined
    const body = problem('externalAccountRequired', 'Bind it')
    ca.fault = answering('/sign-me-up', { status: 403, body })
    await expect(open(start(), newHostname())).rejects.toMatchObject(expected)
  })

  it('may refuse the binding, which is no account that was closed', async () => {
    const refuse = answering('/sign-me-up', {
      status: 403,
      body: problem('unauthorized', 'No such key identifier'),
    })
    ca.fault = (request, response, posted) =>
      posted?.payload?.externalAccountBinding !== undefined && refuse(request, response, posted)
    const externalAccount = { kid: 'kid-1', hmacKey: Buffer.alloc(32, 7) }
    await expect(open(start({ externalAccount }), newHostname())).rejects.toMatchObject({
      kind: 'rejected',
      message: 'No such key identifier',
    })
  })
})

describe('a CA that wants its new terms read', () => {
  it('has its sentence and its page shown', async () => {
    const body = problem('userActionRequired', 'Terms of service have changed', {
      instance: 'https://ca.test/terms/2',
    })
    ca.fault = answering('/order-plz', { status: 403, body })
    await expect(open(start(), newHostname())).rejects.toMatchObject({
      kind: 'rejected',
      message: 'Terms of service have changed | https://ca.test/terms/2',
    })
  })
})
