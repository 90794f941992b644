import { createHash, timingSafeEqual } from 'node:crypto'

import type { FastifyRequest } from 'fastify'

import { ApiError } from './api-error.ts'

/** Whoever holds a token. */
export interface Principal {
  /** Names the token, never reveals it. */
  id: string
  /** As people call it; the timeline says what was done by whom. */
  name: string
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks. The guard knows; before it has run this throws. */
    readonly principal: Principal
  }
}

/** Knows tokens. Undefined: unknown. Must take the same time for every wrong token. */
export type Authenticate = (token: string) => Principal | undefined | Promise<Principal | undefined>

/** What a request presented. */
export interface Credentials {
  token: string
  form: 'bearer' | 'key'
}

/** No token is longer: hashing what a client sends must have a bound. */
const MAX_TOKEN_LENGTH = 1024

/** Knows one token. Compares hashes, so that neither length nor content shows in the time taken. */
export function createTokenAuthenticator(adminToken: string): Authenticate {
  const expected = sha256(adminToken)
  const principal = { id: 'admin', name: 'bootstrap token' }
  return (token) => (timingSafeEqual(sha256(token), expected) ? principal : undefined)
}

/**
 * Reads `Authorization: Bearer <token>` (RFC 6750 section 2.1), or `X-Auth-Email` with `X-Auth-Key`,
 * whose key is the token; the e-mail address says nothing to us but must be there.
 *
 * @throws {ApiError} `token-missing` or `token-malformed`
 */
export function readCredentials(headers: FastifyRequest['headers']): Credentials {
  const { authorization } = headers
  if (authorization !== undefined) return { token: bearerToken(authorization), form: 'bearer' }
  const email = headers['x-auth-email']
  const key = headers['x-auth-key']
  if (typeof email !== 'string' || typeof key !== 'string' || email === '' || key === '') {
    throw new ApiError('token-missing')
  }
  return { token: bounded(key), form: 'key' }
}

function bearerToken(authorization: string): string {
  const match = /^bearer +(\S+) *$/i.exec(authorization)
  if (!match?.[1]) {
    throw new ApiError('token-malformed', { reason: 'Authorization must be "Bearer <token>"' })
  }
  return bounded(match[1])
}

function bounded(token: string): string {
  if (token.length <= MAX_TOKEN_LENGTH) return token
  const reason = `a token has at most ${MAX_TOKEN_LENGTH} characters: received ${token.length}`
  throw new ApiError('token-malformed', { reason })
}

function sha256(value: string): Buffer {
  return createHash('sha256').update(value).digest()
}
