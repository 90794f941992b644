import { describe, expect, it } from 'vitest'

import { editCustomHostname, type HostnameEdit } from '#control/api/edit-custom-hostname.ts'
import type { CustomHostname, SslConfig } from '#domain/custom-hostname.ts'
import { newIssuance } from '#domain/issuance.ts'
import type { Ownership } from '#domain/ownership.ts'
import { sslStatus } from '#domain/status.ts'
import { aHostname, anActiveHostname, NOON, withIssuance } from '#test/records.ts'

const LATER = NOON + 3_600_000
const errors: readonly string[] = ['no CNAME']
const PENDING: Ownership = { state: 'pending', since: NOON, attempts: 9, nextAt: 9e12, errors }

function edited(record: CustomHostname, edit: HostnameEdit): CustomHostname {
  return editCustomHostname(record, edit, LATER).record
}

function sslOf(record: CustomHostname): SslConfig {
  if (!record.ssl) throw new Error('the record has no ssl')
  return record.ssl
}

describe('an edit of a hostname', () => {
  it.each<[string, Ownership]>([
    ['moved', { state: 'moved', since: NOON, nextAt: 9e12, errors }],
    ['deleted', { state: 'deleted', since: NOON, errors }],
    ['blocked', { state: 'blocked', since: NOON, reason: 'held' }],
  ])('that is %s revives it, whatever is edited', (_what, ownership) => {
    const record = aHostname({ ownership })
    const after = edited(record, { customMetadata: { value: { a: 1 } } })
    expect(after.ownership).toMatchObject({ state: 'pending', attempts: 0, nextAt: LATER })
    expect(after.deployment.serial).toBeGreaterThan(record.deployment.serial)
  })

  it('that is pending keeps its pace unless it asks to validate', () => {
    const record = aHostname({ ownership: PENDING })
    expect(edited(record, { customMetadata: { value: undefined } }).ownership).toEqual(PENDING)
    expect(edited(record, {}).ownership).toMatchObject({ attempts: 0, nextAt: LATER })
    const ssl = { value: sslOf(record) }
    expect(edited(record, { ssl }).ownership).toMatchObject({ attempts: 0, nextAt: LATER })
  })

  it('that is active stays active when nothing changes', () => {
    const record = anActiveHostname()
    expect(edited(record, {})).toEqual(record)
    expect(edited(record, { ssl: { value: sslOf(record) } })).toEqual(record)
  })

  it('starts a timed-out issuance again', () => {
    const record = withIssuance(anActiveHostname(), 'rsa', {
      state: 'timed_out',
      phase: 'validation',
      since: NOON,
      problem: 'nobody there',
    })
    expect(edited(record, {}).chains.map((chain) => chain.issuance.state)).toEqual([
      'issued',
      'scheduled',
    ])
  })

  it.each<[string, Partial<SslConfig>]>([
    ['a wildcard', { wildcard: true, method: 'txt' }],
    ['another CA', { certificateAuthority: 'google' }],
  ])('to %s asks for new certificates, and keeps the present ones meanwhile', (_what, change) => {
    const record = anActiveHostname()
    const update = editCustomHostname(
      record,
      { ssl: { value: { ...sslOf(record), ...change } } },
      LATER,
    )
    const { chains } = update.record
    expect(chains.map(({ issuance }) => issuance)).toEqual([newIssuance(LATER), newIssuance(LATER)])
    expect(chains.map(({ certificate }) => certificate)).toEqual(
      record.chains.map(({ certificate }) => certificate),
    )
    expect(update.removeCertificates).toEqual([])
    expect(sslStatus(record, LATER)).toBe('active')
    expect(sslStatus(update.record, LATER)).toBe('initializing')
  })

  it('to the default CA, written in two ways, asks for nothing', () => {
    const record = anActiveHostname()
    const ssl = { value: { ...sslOf(record), certificateAuthority: '' } }
    expect(edited(record, { ssl }).chains).toEqual(record.chains)
  })

  it('keeps the pack and drops settings that were left out', () => {
    const record = anActiveHostname()
    const old = { ...record, ssl: { ...sslOf(record), settings: { http2: 'off' as const } } }
    const value = { ...sslOf(record), packId: 'another', settings: {} }
    const after = edited(old, { ssl: { value } })
    expect(after.ssl).toEqual({ ...sslOf(record), settings: {} })
    expect(after.deployment.serial).toBeGreaterThan(old.deployment.serial)
    expect(after.chains).toEqual(old.chains)
  })

  it('tells the edges nothing when only the CA is another', () => {
    const record = anActiveHostname()
    const value = { ...sslOf(record), certificateAuthority: 'google' }
    const after = edited(record, { ssl: { value } })
    expect(after.ssl?.certificateAuthority).toBe('google')
    expect(after.deployment).toEqual(record.deployment)
  })

  it('removes the certificate and destroys its keys', () => {
    const record = anActiveHostname()
    const update = editCustomHostname(record, { ssl: { value: undefined } }, LATER)
    expect(update.record).toMatchObject({ ssl: undefined, chains: [] })
    expect(update.record.deployment.serial).toBeGreaterThan(record.deployment.serial)
    expect(update.removeCertificates).toEqual(record.chains.map((chain) => chain.certificate?.id))
  })

  it('takes the server name away with its origin', () => {
    const record = aHostname({ customOriginServer: 'o.saas.com', customOriginSni: 'sni.saas.com' })
    const after = edited(record, { customOriginServer: { value: undefined } })
    expect(after).toMatchObject({ customOriginServer: undefined, customOriginSni: undefined })
    expect(after.deployment.serial).toBeGreaterThan(record.deployment.serial)
  })

  it('refuses a server name without an origin', () => {
    const edit = { customOriginSni: { value: 'sni.saas.com' } }
    expect(() => edited(aHostname(), edit)).toThrow(/custom_origin_server/)
    const withOrigin = aHostname({ customOriginServer: 'o.saas.com' })
    expect(edited(withOrigin, edit).customOriginSni).toBe('sni.saas.com')
  })

  it('refuses another name, and any edit of what is being deleted', () => {
    expect(() => edited(aHostname(), { hostname: 'other.com' })).toThrow(/stays so/)
    const removal = { requestedAt: NOON, serial: 2 }
    expect(() => edited(aHostname({ removal }), {})).toThrow(/being deleted/)
  })
})
