import { describe, expect, it } from 'vitest'

import type { CaaRecord } from '#control/dns/resolver.ts'
import { judgeCaa, type CaaApplicant } from '#control/validation/caa.ts'
import { createPermissionCheck, judgePermission } from '#control/validation/permission-check.ts'
import { aName, fakeAuthority } from '#test/fake-authority.ts'

const never = new AbortController().signal
const LE: CaaApplicant = { identities: ['letsencrypt.org'] }
const issue = (value: string): CaaRecord => ({ critical: false, tag: 'issue', value })
const wild = (value: string): CaaRecord => ({ critical: false, tag: 'issuewild', value })
const other = (tag: string, critical: boolean): CaaRecord => ({ critical, tag, value: 'x' })

const permits = (
  records: readonly CaaRecord[],
  applicant: CaaApplicant = LE,
  wildcard = false,
): boolean => judgeCaa(records, applicant, { wildcard }).isPermitted

describe('a CAA record set', () => {
  it.each<[string, CaaRecord[]]>([
    ['names the CA', [issue('letsencrypt.org')]],
    ['names it in other letters', [issue('LetsEncrypt.ORG')]],
    ['has blanks around it', [issue('  letsencrypt.org ; ')]],
    ['names others too', [issue('digicert.com'), issue('letsencrypt.org')]],
    ['has nobody beside it', [issue(';'), issue('letsencrypt.org')]],
    ['speaks of reports only', [other('iodef', false)]],
    ['speaks of reports critically', [other('iodef', true)]],
    ['has an unknown property that is not critical', [other('tbs', false)]],
    ['restricts wildcards only', [wild('digicert.com')]],
    ['has parameters that no CA must know', [issue('letsencrypt.org; foo=bar')]],
    ['has its tag in other letters', [{ ...issue('letsencrypt.org'), tag: 'ISSUE' }]],
  ])('permits: %s', (_, records) => {
    expect(permits(records)).toBe(true)
  })

  it.each<[string, CaaRecord[]]>([
    ['names another', [issue('digicert.com')]],
    ['names nobody', [issue(';')]],
    ['is empty', [issue('')]],
    ['names a part of it', [issue('encrypt.org'), issue('org')]],
    ['is malformed', [issue('letsencrypt.org foo=bar')]],
    ['has malformed parameters', [issue('letsencrypt.org; =')]],
    ['is endless', [issue(`letsencrypt.org; a=${'x'.repeat(3_000)}`)]],
    ['has a critical property that is unknown', [issue('letsencrypt.org'), other('tbs', true)]],
  ])('forbids: %s', (_, records) => {
    expect(permits(records)).toBe(false)
  })

  it('is met by any identity of the CA', () => {
    const google = { identities: ['pki.goog', 'google.com'] }
    expect(permits([issue('google.com')], google)).toBe(true)
    expect(permits([issue('pki.goog; cansignhttpexchanges=yes')], google)).toBe(true)
  })

  it.each<[string, boolean, CaaRecord[]]>([
    ['issuewild in place of issue', true, [issue('digicert.com'), wild('letsencrypt.org')]],
    ['issue where there is no issuewild', true, [issue('letsencrypt.org')]],
    ['no issuewild for others', false, [issue('letsencrypt.org'), wild('digicert.com')]],
    ['an empty issuewild', false, [issue('letsencrypt.org'), wild(';')]],
  ])('for a wildcard heeds %s', (_, isPermitted, records) => {
    expect(permits(records, LE, true)).toBe(isPermitted)
  })

  it.each<[string, boolean, string, Partial<CaaApplicant>]>([
    ['our account', true, 'accounturi=https://ca/acct/1', { accountUri: 'https://ca/acct/1' }],
    ['another account', false, 'accounturi=https://ca/acct/2', { accountUri: 'https://ca/acct/1' }],
    ['an account where ours is not known', true, 'accounturi=https://ca/acct/2', {}],
    ['our method', true, 'validationmethods=dns-01,http-01', { methods: ['http-01'] }],
    ['another method', false, 'validationmethods=dns-01', { methods: ['http-01', 'tls-alpn-01'] }],
    ['a method where ours is not known', true, 'validationmethods=dns-01', {}],
  ])('heeds RFC 8657: %s', (_, isPermitted, parameter, more) => {
    expect(permits([issue(`letsencrypt.org; ${parameter}`)], { ...LE, ...more })).toBe(isPermitted)
  })

  it('permits where one of two records for the CA does', () => {
    const records = [
      issue('letsencrypt.org; validationmethods=dns-01'),
      issue('letsencrypt.org; validationmethods=http-01'),
    ]
    expect(permits(records, { ...LE, methods: ['http-01'] })).toBe(true)
  })
})

describe('the permission to issue', () => {
  const BLOCKED =
    'CAA records block issuance. Please remove all CAA records or add records for this authority.'
  const hostname = aName('app.customer.com')
  const at = aName('customer.com')
  const question = { hostname, wildcard: false, caaIdentities: ['letsencrypt.org'] }
  const found = (...records: CaaRecord[]) => ({ outcome: 'found', at, records }) as const

  it.each([
    [
      found(issue('digicert.com'), issue('pki.goog')),
      `${BLOCKED} The CAA records at customer.com permit only digicert.com, pki.goog: add customer.com CAA 0 issue "letsencrypt.org".`,
    ],
    [
      found(issue(';')),
      `${BLOCKED} The CAA records at customer.com permit no CA at all: add customer.com CAA 0 issue "letsencrypt.org".`,
    ],
    [
      found(issue('letsencrypt.org'), other('tbs', true)),
      `${BLOCKED} The CAA records at customer.com have a critical property "tbs" that CAs do not know: remove it, or its critical flag.`,
    ],
    [
      { outcome: 'servfail', at } as const,
      'SERVFAIL looking up CAA for app.customer.com. The name servers of customer.com, asked for its CAA records, fail: every CA must take that for a no.',
    ],
    [
      { outcome: 'timeout', at } as const,
      'Certificate authority encountered a SERVFAIL during DNS lookup, please check your DNS reachability. The name servers of customer.com, asked for its CAA records, do not answer in time.',
    ],
    [found(issue('letsencrypt.org')), undefined],
    [{ outcome: 'none' } as const, undefined],
  ])('is judged of %j', (caa, sentence) => {
    const reason = caa.outcome === 'found' ? 'caa' : 'dns'
    expect(judgePermission(question, { caa, dnssec: 'fine' })).toEqual(
      sentence === undefined
        ? { isPermitted: true }
        : { isPermitted: false, reason, problem: sentence },
    )
  })

  it('names the wildcard’s own record', () => {
    const caa = found(issue('letsencrypt.org'), wild('digicert.com'))
    expect(judgePermission({ ...question, wildcard: true }, { caa, dnssec: 'fine' })).toMatchObject(
      {
        problem: `${BLOCKED} The CAA records at customer.com permit only digicert.com: add customer.com CAA 0 issuewild "letsencrypt.org".`,
      },
    )
  })

  it.each([
    [
      { methods: ['http-01'] as const },
      'validationmethods=dns-01',
      'The CAA record at customer.com permits letsencrypt.org with other validation methods only: permit http-01 too.',
    ],
    [
      { accountUri: 'https://ca/1' },
      'accounturi=https://ca/2',
      'The CAA record at customer.com permits another account of letsencrypt.org: add customer.com CAA 0 issue "letsencrypt.org" with accounturi=https://ca/1.',
    ],
  ])('says which parameter forbids: %j', (more, parameter, sentence) => {
    const caa = found(issue(`letsencrypt.org; ${parameter}`))
    expect(judgePermission({ ...question, ...more }, { caa, dnssec: 'fine' })).toMatchObject({
      problem: `${BLOCKED} ${sentence}`,
    })
  })

  it('is refused where DNSSEC is broken, whatever else is there', async () => {
    const resolver = fakeAuthority({ dnssec: 'bogus' })
    expect(await createPermissionCheck({ resolver })(question, never)).toEqual({
      isPermitted: false,
      reason: 'dns',
      problem: expect.stringMatching(
        /^dns problem: looking up caa for app\.customer\.com: dnssec: bogus\. /,
      ),
    })
  })

  it('is not asked for a CA that CAA says nothing to', async () => {
    const resolver = fakeAuthority({ dnssec: 'bogus', caa: found(issue(';')) })
    const asked = { ...question, caaIdentities: [] }
    expect(await createPermissionCheck({ resolver })(asked, never)).toEqual({ isPermitted: true })
  })
})
