import { describe, expect, it } from 'vitest'

import { CUSTOM_HOSTNAME } from '#control/api/custom-hostname-schema.ts'
import { renderCustomHostname } from '#control/api/render-custom-hostname.ts'
import type { CustomHostname } from '#domain/custom-hostname.ts'
import type { Issuance } from '#domain/issuance.ts'
import { DEPLOYMENT_DEADLINE_MS } from '#domain/advance-issuance.ts'
import { withNewIssuance } from '#domain/managed-chain.ts'
import type { Ownership } from '#domain/ownership.ts'
import { uploadedChains } from '#domain/uploaded-chains.ts'
import {
  aRecord,
  certified,
  DAY,
  deployed,
  deploying,
  HOST,
  ID,
  issued,
  opened,
  ordered,
  PACK,
  proof,
  TOKEN,
  VERIFIED,
  withChains,
  withoutSsl,
} from '#test/known-hostname.ts'
import { aCertificate, NOON } from '#test/records.ts'

/**
 * The whole JSON of a hostname in each state: which fields are there, and which are not (spec section
 * 1.6). Written out, so that a field that comes or goes is seen.
 */
const LATER = NOON + 60_000

/** As JSON, which leaves out what is undefined; the schema of the document permits it and no more. */
function render(record: CustomHostname, now = LATER): unknown {
  const certificates = [aCertificate(record, 'ecdsa'), aCertificate(record, 'rsa')]
  const context = { certificates, now, dcvDelegation: '0123456789abcdef.dcv.saas.com' }
  const json: unknown = JSON.parse(JSON.stringify(renderCustomHostname(record, context)))
  expect(CUSTOM_HOSTNAME.strict().parse(json)).toEqual(json)
  return json
}

const IDENTITY = { id: ID, hostname: HOST, created_at: '2026-11-23T00:00:00.000Z' }
const PROOFS = {
  ownership_verification: { type: 'txt', name: `_cf-custom-hostname.${HOST}`, value: TOKEN },
  ownership_verification_http: {
    http_url: `http://${HOST}/.well-known/cf-custom-hostname-challenge/${ID}`,
    http_body: TOKEN,
  },
}
const DELEGATION = {
  dcv_delegation_records: [
    {
      cname: `_acme-challenge.${HOST}`,
      cname_target: `${HOST}.0123456789abcdef.dcv.saas.com`,
    },
  ],
}
const SSL = {
  id: PACK,
  type: 'dv',
  method: 'http',
  bundle_method: 'ubiquitous',
  wildcard: false,
  settings: {},
  ...DELEGATION,
}
const fingerprint_sha256 = '00'.repeat(32)
const VALIDITY = { issued_on: '2026-11-23T00:00:00.000Z', expires_on: '2027-02-21T00:00:00.000Z' }
const CERTIFIED = {
  hosts: [HOST],
  issuer: 'Test CA',
  serial_number: '1',
  signature: 'ECDSAWithSHA256',
  uploaded_on: '2026-11-23T00:00:00.000Z',
  expires_on: '2027-02-21T00:00:00.000Z',
  certificates: [
    {
      id: `ecdsa-of-${ID}`,
      issuer: 'Test CA',
      serial_number: '1',
      signature: 'ECDSAWithSHA256',
      ...VALIDITY,
      fingerprint_sha256,
    },
    {
      id: `rsa-of-${ID}`,
      issuer: 'Test CA',
      serial_number: '1',
      signature: 'SHA256WithRSA',
      ...VALIDITY,
      fingerprint_sha256,
    },
  ],
}

describe('a hostname on its way', () => {
  it('initializing has no validation records yet', () => {
    expect(render(aRecord())).toEqual({
      ...IDENTITY,
      ...PROOFS,
      status: 'pending',
      ssl: { ...SSL, status: 'initializing' },
    })
  })

  it('pending_validation by HTTP has one record, and its flattened copy', () => {
    const issuance = ordered(proof('http-01', 'h'), proof('dns-01', 'd'))
    const record = { http_url: `http://${HOST}/.well-known/acme-challenge/h`, http_body: 'h.thumb' }
    expect(render(withChains(aRecord(), { issuance }))).toEqual({
      ...IDENTITY,
      ...PROOFS,
      status: 'pending',
      ssl: {
        ...SSL,
        status: 'pending_validation',
        validation_records: [{ status: 'pending', ...record }],
        ...record,
      },
    })
  })

  it('pending_validation of a wildcard at a CA that wants both chains proved has four records', () => {
    const issuances = ['e', 'r'].map((key) =>
      ordered(proof('dns-01', `${key}1`), proof('dns-01', `${key}2`, true)),
    )
    const record = withChains(
      aRecord({ method: 'txt', wildcard: true }),
      ...issuances.map((issuance) => ({ issuance })),
    )
    const txt_name = `_acme-challenge.${HOST}`
    const txt = { status: 'pending', txt_name, txt_value: expect.stringMatching(/^[\w-]{43}$/) }
    expect(render(record)).toEqual({
      ...IDENTITY,
      ...PROOFS,
      status: 'pending',
      ssl: {
        ...SSL,
        method: 'txt',
        wildcard: true,
        status: 'pending_validation',
        validation_records: [txt, txt, txt, txt],
      },
    })
  })

  it('that is not ready says why, of the name and of the certificate', () => {
    const errors = ['custom hostname does not CNAME to this zone.', 'and more.']
    const problem = 'Nobody answers on port 80.'
    const issuance: Issuance = {
      ...opened(proof('dns-01', 'd')),
      state: 'ordered',
      attempts: 1,
      problem,
    }
    const ownership: Ownership = {
      state: 'pending',
      since: NOON,
      attempts: 1,
      nextAt: NOON,
      errors,
    }
    expect(render({ ...withChains(aRecord(), { issuance }), ownership })).toEqual({
      ...IDENTITY,
      ...PROOFS,
      status: 'pending',
      verification_errors: errors,
      ssl: { ...SSL, status: 'pending_validation', validation_errors: [{ message: problem }] },
    })
  })

  it('pending_issuance has neither validation records nor certificates', () => {
    const issuance: Issuance = {
      ...opened(proof('http-01', 'h')),
      state: 'finalizing',
      certificateId: 'c',
      sealedKey: '',
    }
    expect(render(withChains(aRecord(), { issuance }, { issuance }))).toEqual({
      ...IDENTITY,
      ...PROOFS,
      status: 'pending',
      ssl: { ...SSL, status: 'pending_issuance' },
    })
  })

  it.each([
    ['pending_deployment', LATER + 1],
    ['deployment_timed_out', LATER],
  ])('%s has its certificates', (status, nextAt) => {
    const record = certified(aRecord(), (id) => deploying(id, nextAt))
    expect(render({ ...record, ownership: VERIFIED })).toEqual({
      ...IDENTITY,
      status: 'pending',
      ssl: { ...SSL, status, ...CERTIFIED },
    })
  })
})

describe('an active hostname', () => {
  it('has certificates, ECDSA first, and no records of any proof', () => {
    expect(render(deployed(certified(aRecord(), issued)))).toEqual({
      ...IDENTITY,
      status: 'active',
      ssl: { ...SSL, status: 'active', ...CERTIFIED },
    })
  })

  it('shows what was set, and only that', () => {
    const settings = {
      http2: 'off',
      tls_1_3: 'on',
      min_tls_version: '1.2',
      early_hints: 'off',
      ciphers: ['AES256-SHA', 'AES128-SHA'],
    } as const
    const chosen = {
      certificateAuthority: 'google',
      branding: true,
      bundleMethod: 'force',
    } as const
    const record = {
      ...deployed(certified(aRecord({ ...chosen, settings }), issued)),
      customMetadata: { tenant: 42 },
      customOriginServer: 'O.saas.com:8443',
      customOriginSni: ':request_host_header:',
    }
    expect(render(record)).toEqual({
      ...IDENTITY,
      status: 'active',
      custom_metadata: { tenant: 42 },
      custom_origin_server: 'O.saas.com:8443',
      custom_origin_sni: ':request_host_header:',
      ssl: {
        ...SSL,
        status: 'active',
        certificate_authority: 'google',
        cloudflare_branding: true,
        bundle_method: 'force',
        settings,
        ...CERTIFIED,
      },
    })
  })

  it('shows new records beside its certificates while it is proved again', () => {
    const record = certified(deployed(aRecord({ method: 'txt' })), issued)
    const [ecdsa] = record.chains
    const renewing = withChains(record, { ...ecdsa, issuance: ordered(proof('dns-01', 'd')) })
    const txt_name = `_acme-challenge.${HOST}`
    const txt = { txt_name, txt_value: expect.stringMatching(/^[\w-]{43}$/) }
    expect(render(renewing)).toEqual({
      ...IDENTITY,
      status: 'active',
      ssl: {
        ...SSL,
        method: 'txt',
        status: 'active',
        validation_records: [{ status: 'pending', ...txt }],
        ...txt,
        ...CERTIFIED,
      },
    })
  })

  it('for which another certificate is wanted shows both, and the status of that', () => {
    const record = deployed(certified(aRecord(), issued))
    const [ecdsa] = record.chains.map((chain) => withNewIssuance(chain, NOON))
    const issuance = ordered(proof('http-01', 'h'))
    const http = { http_url: `http://${HOST}/.well-known/acme-challenge/h`, http_body: 'h.thumb' }
    expect(render(withChains(record, { ...ecdsa, issuance }))).toEqual({
      ...IDENTITY,
      status: 'active',
      ssl: {
        ...SSL,
        status: 'pending_validation',
        validation_records: [{ status: 'pending', ...http }],
        ...http,
        ...CERTIFIED,
      },
    })
  })

  it.each([
    ['pending_expiration', NOON + 76 * DAY],
    ['expired', NOON + 90 * DAY],
  ])('%s still shows its certificates', (status, now) => {
    expect(render(deployed(certified(aRecord(), issued)), now)).toEqual({
      ...IDENTITY,
      status: 'active',
      ssl: { ...SSL, status, ...CERTIFIED },
    })
  })

  it('whose change is on its way is active_redeploying', () => {
    const record = deployed(certified(aRecord(), issued))
    const deployment = { ...record.deployment, serial: record.deployment.serial + 1 }
    expect(render({ ...record, deployment })).toEqual({
      ...IDENTITY,
      status: 'active_redeploying',
      ssl: { ...SSL, status: 'active', ...CERTIFIED },
    })
  })

  it('without a certificate has no ssl', () => {
    expect(render(deployed(withoutSsl(aRecord())))).toEqual({ ...IDENTITY, status: 'active' })
  })

  it('with a certificate of the caller’s own has that, and nothing about validation', () => {
    const record = aRecord({ method: undefined })
    const chains = uploadedChains([aCertificate(record, 'rsa')], { serial: NOON, now: NOON })
    const settled = chains.map((chain) => ({
      ...chain,
      issuance: { state: 'uploaded', certificateId: `rsa-of-${ID}` } as const,
    }))
    const { dcv_delegation_records: _, method: _method, ...ssl } = SSL
    const [, rsa] = CERTIFIED.certificates
    expect(render({ ...deployed(record), chains: settled })).toEqual({
      ...IDENTITY,
      status: 'active',
      ssl: {
        ...ssl,
        status: 'active',
        ...CERTIFIED,
        signature: 'SHA256WithRSA',
        certificates: [rsa],
        custom_certificate: expect.stringMatching(
          /^-----BEGIN CERTIFICATE-----\n[^-]+-----END CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\n/,
        ),
      },
    })
  })
})

describe('a hostname that got no further', () => {
  it.each(['initializing', 'validation', 'issuance'] as const)(
    '%s_timed_out says why, and has no records: PATCH brings new ones',
    (phase) => {
      const problem = 'It never came.'
      const issuance: Issuance = { state: 'timed_out', phase, since: NOON, problem }
      expect(render(withChains(aRecord(), { issuance }, { issuance }))).toEqual({
        ...IDENTITY,
        ...PROOFS,
        status: 'pending',
        ssl: { ...SSL, status: `${phase}_timed_out`, validation_errors: [{ message: problem }] },
      })
    },
  )

  const errors = ['custom hostname does not CNAME to this zone.']
  it.each<[Ownership, string]>([
    [{ state: 'moved', since: NOON, nextAt: NOON + 7 * DAY, errors }, 'active'],
    [{ state: 'deleted', since: NOON, errors }, 'deleted'],
    [{ state: 'blocked', since: NOON, reason: errors[0] ?? '' }, 'active'],
  ])('%j shows the proofs that would bring it back, and why', (ownership, status) => {
    const record = { ...deployed(certified(aRecord(), issued)), ownership }
    expect(render(record)).toEqual({
      ...IDENTITY,
      ...PROOFS,
      status: ownership.state,
      verification_errors: errors,
      ssl: { ...SSL, status, ...CERTIFIED },
    })
  })

  it.each([
    ['pending_deletion', LATER],
    ['deletion_timed_out', NOON + DEPLOYMENT_DEADLINE_MS],
  ])('that is being deleted is %s', (status, now) => {
    const record = deployed(certified(aRecord(), issued))
    const removal = { requestedAt: NOON, serial: NOON + 1 }
    expect(render({ ...record, removal }, now)).toEqual({
      ...IDENTITY,
      status: 'pending_deletion',
      ssl: { ...SSL, status, ...CERTIFIED },
    })
  })
})
