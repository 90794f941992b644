import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { LRUCache } from 'lru-cache'

import type { ApiDependencies, RateLimits } from './api-dependencies.ts'
import { ApiError } from './api-error.ts'
import { readCredentials, type Credentials, type Principal } from './auth.ts'

const WINDOW_MS = 60_000
const DEFAULT_RATE_LIMITS: RateLimits = { requestsPerToken: 30_000, failuresPerAddress: 30 }
/** Address and token pairs that are remembered as good. */
const MAX_KNOWN = 10_000

type Limiter = ReturnType<FastifyInstance['createRateLimit']>
type LimiterState = Exclude<Awaited<ReturnType<Limiter>>, { isAllowed: true }>

/**
 * Who may pass: requests with a known token, within their rate; `request.principal` then says whose
 * it is. Needs @fastify/rate-limit.
 *
 * An address that failed too often is refused for the rest of the minute, even with a good token,
 * or guessing would not be slowed down. Only a token that already worked from this address still
 * passes: otherwise one misconfigured client would lock out all that share its address.
 */
export function createGuard(
  app: FastifyInstance,
  deps: Pick<ApiDependencies, 'authenticate' | 'settings'>,
): (request: FastifyRequest, reply: FastifyReply) => Promise<void> {
  const limits = { ...DEFAULT_RATE_LIMITS, ...deps.settings.rateLimits }
  const failures = app.createRateLimit({ max: limits.failuresPerAddress, timeWindow: WINDOW_MS })
  const principals = new WeakMap<FastifyRequest, Principal>()
  app.decorateRequest('principal', {
    getter() {
      const principal = principals.get(this)
      if (!principal) throw new Error('Cannot tell who asks: the guard has not let anybody pass')
      return principal
    },
  })
  const requests = app.createRateLimit({
    max: limits.requestsPerToken,
    timeWindow: WINDOW_MS,
    keyGenerator: (request) => principals.get(request)?.id ?? request.ip,
  })
  const known = new LRUCache<string, true>({ max: MAX_KNOWN })

  return async (request, reply) => {
    const credentials = readCredentials(request.headers)
    const principal = await deps.authenticate(credentials.token)
    const pair = `${request.ip} ${principal?.id}`
    if (!principal || !known.has(pair)) {
      await refuseGuessing(request, principal, { failures, credentials })
      known.set(pair, true)
    }
    if (!principal) return
    principals.set(request, principal)
    const state = await requests(request)
    if (!state.isAllowed) admit(state, reply)
  }
}

/** Counts a failure; looks only, where the token is good. */
async function refuseGuessing(
  request: FastifyRequest,
  principal: Principal | undefined,
  context: { failures: Limiter; credentials: Credentials },
): Promise<void> {
  const state = await context.failures(request, { increment: !principal })
  // Looking does not count, so a full window already means that the next failure would exceed it.
  if (!state.isAllowed && (principal ? state.remaining === 0 : state.isExceeded)) {
    throw rateLimited(state, `more than ${state.max} failed authentications in a minute`)
  }
  if (!principal) {
    throw new ApiError(context.credentials.form === 'bearer' ? 'token-unknown' : 'key-unknown')
  }
}

function admit(state: LimiterState, reply: FastifyReply): void {
  reply.header('x-ratelimit-limit', state.max)
  reply.header('x-ratelimit-remaining', state.remaining)
  reply.header('x-ratelimit-reset', state.ttlInSeconds)
  if (state.isExceeded) throw rateLimited(state, `more than ${state.max} in a minute`)
}

function rateLimited(state: LimiterState, reason: string): ApiError {
  const headers = { 'retry-after': String(Math.max(1, state.ttlInSeconds)) }
  return new ApiError('rate-limited', { reason, headers })
}
