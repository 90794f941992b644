import { describe, expect, it } from 'vitest'

import { caLimitsOf, UNLIMITED, withOverrides } from '#domain/ca-limits.ts'

const HOUR = 3_600_000
const LETS_ENCRYPT = 'https://acme-v02.api.letsencrypt.org/directory'

describe('the limits of a CA', () => {
  it('are those that it publishes', () => {
    expect(caLimitsOf(LETS_ENCRYPT)).toMatchObject({
      title: "Let's Encrypt",
      metering: 'bucket',
      published: {
        orders_per_account: { count: 300, windowMs: 3 * HOUR },
        certificates_per_domain: { count: 50, windowMs: 168 * HOUR },
        duplicate_certificates: { count: 5, windowMs: 168 * HOUR },
        failed_validations: { count: 5, windowMs: HOUR },
        // One is forgiven each day.
        consecutive_failures: { count: 1_152, windowMs: 1_152 * 24 * HOUR },
      },
    })
    const staging = caLimitsOf('https://acme-staging-v02.api.letsencrypt.org/directory')
    expect(staging.published.orders_per_account).toEqual({ count: 1_500, windowMs: 3 * HOUR })
    expect(staging.published.consecutive_failures).toEqual({ count: 3_600, windowMs: 6 * HOUR })
    expect(staging.published.certificates_per_domain).toBeUndefined()
  })

  it('are taken to be strict where a public CA publishes none', () => {
    const { published } = caLimitsOf(LETS_ENCRYPT)
    for (const [url, title] of [
      ['https://acme.zerossl.com/v2/DV90', 'ZeroSSL'],
      ['https://dv.acme-v02.test-api.pki.goog/directory', 'Google Trust Services (staging)'],
      ['https://acme.another-ca.com/directory', 'acme.another-ca.com'],
    ] as const) {
      expect(caLimitsOf(url)).toEqual({
        title,
        metering: 'window',
        published,
        exempt: { renewal: [], ari: [] },
      })
    }
  })

  it.each([
    'https://127.0.0.1:14000/dir',
    'https://[::1]/dir',
    'https://localhost/dir',
    'https://ca.corp.internal/dir',
    'https://constructor/dir',
  ])('are none for a CA of one’s own: %s', (url) => {
    expect(caLimitsOf(url).published).toEqual({})
    expect(caLimitsOf(url).title).toBe(new URL(url).hostname)
  })

  it('give way to the operator’s own numbers, one by one', () => {
    const limits = caLimitsOf(LETS_ENCRYPT)
    const own = withOverrides(limits, {
      orders_per_account: { count: 3_000, windowMs: 3 * HOUR },
      certificates_per_domain: 'unlimited',
    })
    const { orders_per_account: _, certificates_per_domain: __, ...others } = limits.published
    expect(own).toEqual({
      ...limits,
      published: { orders_per_account: { count: 3_000, windowMs: 3 * HOUR }, ...others },
    })
    expect(withOverrides(UNLIMITED, {})).toEqual(UNLIMITED)
  })
})
