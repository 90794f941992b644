import { describe, expect, it } from 'vitest'

import type { CertificateAuthorityName, Issuer } from '#control/ca/issuer.ts'
import { createIssuers } from '#control/ca/issuers.ts'

function ca(name: string, apiName?: CertificateAuthorityName): Issuer {
  const away = (): Promise<never> => Promise.reject(new Error('not asked here'))
  return {
    name,
    title: name,
    apiName,
    hasRenewalInfo: false,
    listCaaIdentities: away,
    findAccountUri: away,
    openOrder: away,
    beginValidation: away,
    checkOrder: away,
    finalize: away,
    findRenewalInfo: away,
    revoke: away,
  }
}

const [first, second, third] = [ca('first', 'lets_encrypt'), ca('second', 'google'), ca('third')]
const issuers = createIssuers([first, second, third])

describe('the CAs that are set up', () => {
  it('are tried in their order where the caller has no wish, or one that nobody can fulfil', () => {
    for (const certificateAuthority of [undefined, '', 'digicert', 'ssl_com']) {
      expect(issuers.listCandidates({ certificateAuthority })).toEqual([first, second, third])
    }
  })

  it('are only those that the caller named', () => {
    expect(issuers.listCandidates({ certificateAuthority: 'google' })).toEqual([second])
  })

  it('come last where they failed lately, but they come', () => {
    const wish = { certificateAuthority: undefined, avoid: ['first'] }
    expect(issuers.listCandidates(wish)).toEqual([second, third, first])
    const only = { certificateAuthority: 'google', avoid: ['second'] }
    expect(issuers.listCandidates(only)).toEqual([second])
  })

  it('are found by the name that orders carry', () => {
    expect(issuers.find('second')).toBe(second)
    expect(issuers.find('gone')).toBeUndefined()
  })

  it('are at least one, each with its own name', () => {
    expect(() => createIssuers([])).toThrow('received none')
    expect(() => createIssuers([first, ca('first')])).toThrow('their own name')
  })
})
