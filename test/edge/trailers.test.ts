import { describe, expect, it } from 'vitest'

import { endToEndTrailers } from '#edge/trailers.ts'

describe('trailers', () => {
  it('pass where they say something of the body', () => {
    const trailers = ['Server-Timing', 'db;dur=5', 'X-Sum', '42', 'grpc-status', '0']
    expect(endToEndTrailers(trailers)).toEqual(trailers)
  })

  it.each([
    'Content-Length',
    'Transfer-Encoding',
    'Host',
    'Authorization',
    'Set-Cookie',
    'HTTP2-Settings',
    'Forwarded',
    'CDN-Loop',
    'X-Forwarded-For',
    'X-Forwarded-Port',
    'X_Forwarded_For',
    'X-Real-IP',
    'True-Client-IP',
    'CF-Connecting-IP',
    'CF_IPCountry',
    'X-Request-Id',
    'X-Custos-Error',
  ])('never pass as %s, which whoever merges them would believe', (name) => {
    expect(endToEndTrailers([name, 'forged', 'X-Sum', '42'])).toEqual(['X-Sum', '42'])
  })
})
