import { z } from 'zod'

import { IssuerError, type IssuerErrorKind } from '../issuer.ts'
import type { AcmeResponse } from './acme-http.ts'

/** RFC 7807, with the types and subproblems of RFC 8555 section 6.7. */
export type Problem = z.infer<typeof problemSchema>

const text = z.string().max(100_000)
export const problemSchema = z.object({
  /** Without the URN's start: `badNonce`. */
  type: text.transform((type) => type.replace(/^urn:ietf:params:acme:error:/, '')),
  detail: text.optional(),
  subproblems: z
    .array(z.object({ detail: text.optional() }))
    .max(1_000)
    .optional()
    .catch(undefined),
})

/** Undefined where the answer is good, or bad without a problem document. */
export function readProblem({ status, body }: AcmeResponse): Problem | undefined {
  if (status < 400) return undefined
  try {
    return problemSchema.safeParse(JSON.parse(body.toString())).data
  } catch {
    return undefined
  }
}

/** More says nothing that a customer could use, and goes into records and replies. */
const MAX_SENTENCE = 500

/** The CA's own words in one line, as the API shows them. */
export function describeProblem({ type, detail, subproblems = [] }: Problem): string {
  const [first] = subproblems.flatMap((sub) => (sub.detail === undefined ? [] : [sub.detail]))
  const sentence = [detail ?? `The CA reports ${type}`, first]
    .filter((part) => part !== undefined)
    .join(' | ')
    .replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .trim()
  return sentence.length > MAX_SENTENCE ? `${sentence.slice(0, MAX_SENTENCE)}…` : sentence
}

interface Circumstances {
  /** `order`: the request was about one order, so "not found" means that order. */
  about: 'ca' | 'order'
  now: number
}

/** What an answer that is not a good one means. */
export function issuerErrorOf(response: AcmeResponse, { about, now }: Circumstances): IssuerError {
  const problem = readProblem(response)
  const retryAfterMs = readRetryAfter(response, now)
  const said = problem ? describeProblem(problem) : `The CA answered ${response.status}.`
  const options = retryAfterMs === undefined ? {} : { retryAfterMs }
  return new IssuerError(kindOf(response, problem, about), said, options)
}

/**
 * A 4xx with neither a problem document nor a nonce is not the CA's verdict but somebody's between
 * us: the order is as it was. (Pebble's "no such order" has a nonce and no document.)
 */
function kindOf(
  response: AcmeResponse,
  problem: Problem | undefined,
  about: 'ca' | 'order',
): IssuerErrorKind {
  const { status } = response
  if (status === 429 || problem?.type === 'rateLimited') return 'rate-limited'
  if (status >= 500 || status === 408) return 'unavailable'
  const isGone = status === 404 || status === 410
  if (isGone && (problem || response.header('replay-nonce') !== undefined)) {
    return about === 'order' ? 'unknown-order' : 'unavailable'
  }
  if (!problem || PASSING_TYPES.has(problem.type)) return 'unavailable'
  return 'rejected'
}

/** Nothing is wrong with the request. */
const PASSING_TYPES = new Set(['badNonce', 'serverInternal'])

const SHORTEST_MS = 1_000
const LONGEST_MS = 24 * 3_600_000

/**
 * Retry-After in either form (RFC 9110 section 10.2.3), in milliseconds: at least a second, so that
 * no answer makes us ask without pause, and at most a day.
 */
export function readRetryAfter(response: AcmeResponse, now: number): number | undefined {
  const value = response.header('retry-after')?.trim()
  if (value === undefined) return undefined
  const ms = msUntil(value, now)
  if (Number.isNaN(ms)) return undefined
  return Math.min(LONGEST_MS, Math.max(SHORTEST_MS, ms))
}

/** NaN for what is neither seconds nor a date. `Date.parse` alone takes much for a date, such as -5. */
function msUntil(value: string, now: number): number {
  if (/^\d{1,10}$/.test(value)) return Number(value) * 1000
  return /^[A-Za-z]/.test(value) ? Date.parse(value) - now : Number.NaN
}
