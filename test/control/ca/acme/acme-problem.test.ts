import { describe, expect, it } from 'vitest'

import type { AcmeResponse } from '#control/ca/acme/acme-http.ts'
import {
  describeProblem,
  faultOf,
  issuerErrorOf,
  readRetryAfter,
} from '#control/ca/acme/acme-problem.ts'

const NOW = Date.parse('2026-11-23T12:00:00Z')

function response(
  status: number,
  { headers = {}, body = '' }: { headers?: Record<string, string>; body?: unknown } = {},
): AcmeResponse {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return {
    status,
    body: Buffer.from(text),
    header: (name) => headers[name],
    headers: (name) => [headers[name] ?? []].flat(),
  }
}

describe('Retry-After', () => {
  it.each([
    ['120', 120_000],
    ['Mon, 23 Nov 2026 12:05:00 GMT', 300_000],
    ['0', 1_000],
    ['Mon, 23 Nov 2026 11:00:00 GMT', 1_000],
    ['9999999999', 86_400_000],
    ['soon', undefined],
    ['-5', undefined],
  ])('of %s means %s ms', (value, expected) => {
    expect(readRetryAfter(response(429, { headers: { 'retry-after': value } }), NOW)).toBe(expected)
  })
})

describe('a problem document', () => {
  it('is told in the CA’s words, with the first subproblem, in one line of bounded length', () => {
    expect(
      describeProblem({
        type: 'malformed',
        detail: 'Some of the identifiers\r\nwere refused',
        subproblems: [{}, { detail: 'Invalid underscore' }, { detail: 'not shown' }],
      }),
    ).toBe('Some of the identifiers were refused | Invalid underscore')
    expect(describeProblem({ type: 'caa' })).toBe('The CA reports caa')
    expect(describeProblem({ type: 'dns', detail: 'x'.repeat(9_000) })).toHaveLength(501)
  })

  it.each([
    [404, 'malformed', 'order', 'unknown-order'],
    [404, 'malformed', 'ca', 'unavailable'],
    [400, 'badCSR', 'order', 'rejected'],
    [400, 'badNonce', 'order', 'unavailable'],
    [403, 'rateLimited', 'ca', 'rate-limited'],
    [503, 'rateLimited', 'ca', 'rate-limited'],
    [500, 'serverInternal', 'order', 'unavailable'],
  ] as const)('with %s %s about the %s is %s', (status, type, about, kind) => {
    const body = { type: `urn:ietf:params:acme:error:${type}` }
    expect(issuerErrorOf(response(status, { body }), { about, now: NOW }).kind).toBe(kind)
  })

  it('that is missing makes the order unknown only where the CA itself answered', () => {
    const about = { about: 'order', now: NOW } as const
    const headers = { 'replay-nonce': 'abc' }
    expect(issuerErrorOf(response(404, { headers }), about).kind).toBe('unknown-order')
    expect(issuerErrorOf(response(404), about).kind).toBe('unavailable')
    expect(issuerErrorOf(response(404, { body: '{"type":7}' }), about).kind).toBe('unavailable')
  })
})

describe('a validation that failed', () => {
  it.each(['dns', 'connection', 'tls', 'unauthorized', 'incorrectResponse', 'caa', 'dnssec'])(
    'is the name’s fault for %s',
    (type) => {
      expect(faultOf({ type })).toBe('name')
      expect(faultOf({ type: 'compound', subproblems: [{}, { type }] })).toBe('name')
    },
  )

  it.each(['serverInternal', 'rateLimited', 'rejectedIdentifier', 'unsupportedIdentifier', 'new'])(
    'is the CA’s fault for %s',
    (type) => expect(faultOf({ type })).toBe('ca'),
  )
})
