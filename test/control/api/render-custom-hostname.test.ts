import { createHash } from 'node:crypto'

import { describe, expect, it } from 'vitest'

import { CUSTOM_HOSTNAME } from '#control/api/custom-hostname-schema.ts'
import { renderCustomHostname } from '#control/api/render-custom-hostname.ts'
import type { CustomHostname } from '#domain/custom-hostname.ts'
import type { Issuance } from '#domain/issuance.ts'
import { parseHostname } from '#domain/hostname.ts'
import { anOrderAt } from '#test/fake-issuer.ts'
import {
  aCertificate,
  aHostname,
  anActiveHostname,
  anOrder,
  NOON,
  withIssuance,
} from '#test/records.ts'

type Rendered = ReturnType<typeof renderCustomHostname>

/** Renders, and holds the result against the schema that the document promises. */
function render(record: CustomHostname, options: { dcvDelegation?: string } = {}): Rendered {
  const certificates = [aCertificate(record, 'rsa'), aCertificate(record, 'ecdsa')]
  const context = { certificates, now: NOON, dcvDelegation: options.dcvDelegation }
  const rendered = renderCustomHostname(record, context)
  expect(CUSTOM_HOSTNAME.strict().parse(JSON.parse(JSON.stringify(rendered)))).toEqual(rendered)
  return rendered
}

const ORDERED: Extract<Issuance, { state: 'ordered' }> = {
  state: 'ordered',
  order: anOrder(),
  since: NOON,
  attempts: 0,
  nextAt: NOON,
  failures: 0,
}

function orderedWith(token: string, problem?: string): Issuance {
  const [challenge] = anOrder().challenges
  const challenges = challenge ? [{ ...challenge, token, keyAuthorization: `${token}.k` }] : []
  return { ...ORDERED, order: anOrder({ challenges }), ...(problem !== undefined && { problem }) }
}

describe('a rendered hostname', () => {
  it('shows both ownership proofs until one is found', () => {
    const rendered = render(aHostname())
    expect(rendered.ownership_verification?.type).toBe('txt')
    expect(rendered.ownership_verification_http?.http_body).toBe(
      rendered.ownership_verification?.value,
    )
    expect(render(anActiveHostname())).not.toHaveProperty('ownership_verification')
    expect(render(anActiveHostname())).not.toHaveProperty('ownership_verification_http')
  })

  it('shows TXT records by method txt, one for the name and one for its wildcard', () => {
    const names = ['app.customer.com', '*.app.customer.com']
    const withNames = (count: number, wildcard: boolean): CustomHostname => {
      const order = anOrderAt('local', names.slice(0, count))
      const record = withIssuance(aHostname(), 'ecdsa', { ...ORDERED, order })
      return { ...record, ssl: record.ssl && { ...record.ssl, method: 'txt', wildcard } }
    }
    const txt_name = '_acme-challenge.app.customer.com'
    const first = createHash('sha256').update('dns-01-of-app.customer.com.thumb')
    const txt_value = first.digest('base64url')
    const { ssl: one } = render(withNames(1, false))
    expect(one).toMatchObject({ txt_name, txt_value })
    expect(one?.validation_records).toEqual([{ status: 'pending', txt_name, txt_value }])
    const { ssl: both } = render(withNames(2, true))
    expect(both?.validation_records).toMatchObject([{ txt_name, txt_value }, { txt_name }])
    expect(both?.validation_records?.[1]?.txt_value).not.toBe(txt_value)
    expect(both).not.toHaveProperty('txt_name')
  })

  it('shows the only validation record flattened too, two only in the list', () => {
    const one = withIssuance(aHostname(), 'ecdsa', orderedWith('a'))
    expect(render(one).ssl).toMatchObject({
      http_url: 'http://app.customer.com/.well-known/acme-challenge/a',
      http_body: 'a.k',
      validation_records: [{ status: 'pending', http_body: 'a.k' }],
    })
    const two = withIssuance(one, 'rsa', orderedWith('b'))
    expect(render(two).ssl?.validation_records).toHaveLength(2)
    expect(render(two).ssl).not.toHaveProperty('http_url')
    const same = withIssuance(one, 'rsa', orderedWith('a'))
    expect(render(same).ssl?.validation_records).toHaveLength(1)
  })

  it('shows no validation record before the order nor after the validation', () => {
    expect(render(aHostname()).ssl).not.toHaveProperty('validation_records')
    const record = withIssuance(aHostname(), 'ecdsa', {
      state: 'finalizing',
      order: anOrder(),
      since: NOON,
      nextAt: NOON,
      failures: 0,
      certificateId: 'c',
      sealedKey: '',
    })
    expect(render(record).ssl).not.toHaveProperty('validation_records')
  })

  it('shows each problem once', () => {
    const one = withIssuance(aHostname(), 'ecdsa', orderedWith('a', 'DNS points elsewhere'))
    const both = withIssuance(one, 'rsa', orderedWith('b', 'DNS points elsewhere'))
    expect(render(both).ssl?.validation_errors).toEqual([{ message: 'DNS points elsewhere' }])
    expect(render(aHostname()).ssl).not.toHaveProperty('validation_errors')
  })

  it('says why it is not verified, or is blocked', () => {
    const errors = ['custom hostname does not CNAME to this zone.']
    const moved = aHostname({ ownership: { state: 'moved', since: NOON, nextAt: NOON, errors } })
    expect(render(moved)).toMatchObject({ status: 'moved', verification_errors: errors })
    const blocked = aHostname({ ownership: { state: 'blocked', since: NOON, reason: 'held' } })
    expect(render(blocked)).toMatchObject({ status: 'blocked', verification_errors: ['held'] })
    expect(render(aHostname())).not.toHaveProperty('verification_errors')
  })

  it('shows the certificates that are in use, ECDSA first, serial numbers in decimal', () => {
    const record = anActiveHostname()
    const certificate = { ...aCertificate(record, 'ecdsa'), serialNumber: 'ff' }
    const superseded = { ...aCertificate(record, 'ecdsa'), id: 'old' }
    const certificates = [superseded, aCertificate(record, 'rsa'), certificate]
    const { ssl } = renderCustomHostname(record, {
      certificates,
      now: NOON,
      dcvDelegation: undefined,
    })
    expect(ssl).toMatchObject({
      status: 'active',
      serial_number: '255',
      signature: 'ECDSAWithSHA256',
      hosts: [record.hostname],
      uploaded_on: '2026-11-23T00:00:00.000Z',
      expires_on: '2027-02-21T00:00:00.000Z',
    })
    expect(ssl?.certificates?.map(({ id }) => id)).toEqual([
      certificate.id,
      aCertificate(record, 'rsa').id,
    ])
  })

  it('says where DCV may be delegated to, where there is such a zone', () => {
    const record = aHostname({ hostname: parseHostname('shop.tenant.com') })
    expect(render(record).ssl).not.toHaveProperty('dcv_delegation_records')
    expect(
      render(record, { dcvDelegation: 'uuid.dcv.saas.com' }).ssl?.dcv_delegation_records,
    ).toEqual([
      {
        cname: '_acme-challenge.shop.tenant.com',
        cname_target: 'shop.tenant.com.uuid.dcv.saas.com',
      },
    ])
  })

  it('echoes only the settings that were set', () => {
    const record = aHostname()
    const settings = { ciphers: ['AES128-SHA'], early_hints: 'on' } as const
    const set = { ...record, ssl: record.ssl && { ...record.ssl, settings } }
    expect(render(set).ssl?.settings).toEqual(settings)
    expect(render(record).ssl?.settings).toEqual({})
    expect(render({ ...record, ssl: undefined, chains: [] })).not.toHaveProperty('ssl')
  })

  it('never shows a key or a token of the CA', () => {
    const text = JSON.stringify(render(anActiveHostname()))
    expect(text).not.toMatch(/key"|sealed|challenge\/1|order\/1/i)
  })
})
