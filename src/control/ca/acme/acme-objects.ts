import { z } from 'zod'

import { IssuerError } from '../issuer.ts'
import type { AcmeResponse } from './acme-http.ts'
import { problemSchema } from './acme-problem.ts'

/** What a CA sends (RFC 8555 section 7.1), as far as we use it. Its members are checked, not trusted. */
const address = z.url({ protocol: /^https?$/ }).max(2_048)
const problem = problemSchema.optional().catch(undefined)

export const directorySchema = z.object({
  newNonce: address,
  newAccount: address,
  newOrder: address,
  meta: z.object({ externalAccountRequired: z.boolean().optional() }).optional(),
})
export type Directory = z.infer<typeof directorySchema>

export const accountSchema = z.object({ status: z.string().max(100) })

/** More authorizations than any order for a name and its wildcard has. */
const MAX_AUTHORIZATIONS = 10

export const orderSchema = z.object({
  status: z.enum(['pending', 'ready', 'processing', 'valid', 'invalid']),
  expires: z.string().max(100).optional(),
  authorizations: z.array(address).min(1).max(MAX_AUTHORIZATIONS),
  finalize: address,
  certificate: address.optional(),
  error: problem,
})
export type AcmeOrder = z.infer<typeof orderSchema>

const challengeStatus = z.enum(['pending', 'processing', 'valid', 'invalid'])

/** Of types that we do not know, too: nothing is asked of their members. */
const offeredSchema = z.object({
  type: z.string().max(100),
  url: address,
  status: challengeStatus,
  /** Becomes part of a path and of what the edges answer. */
  token: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,256}$/)
    .optional()
    .catch(undefined),
  error: problem,
})

export const challengeSchema = z.object({ status: challengeStatus })

export const authorizationSchema = z.object({
  identifier: z.object({ type: z.string().max(100), value: z.string().max(253) }),
  status: z.enum(['pending', 'valid', 'invalid', 'deactivated', 'expired', 'revoked']),
  challenges: z.array(offeredSchema).max(20),
})
export type Authorization = z.infer<typeof authorizationSchema>

/** @throws {IssuerError} `unavailable` for what is no such object: garbage decides nothing */
export function readObject<Schema extends z.ZodType>(
  { status, body }: AcmeResponse,
  { schema, what }: { schema: Schema; what: string },
): z.infer<Schema> {
  try {
    return schema.parse(JSON.parse(body.toString()))
  } catch (cause) {
    const message = `The CA answered ${status} without ${what} that can be read.`
    throw new IssuerError('unavailable', message, { cause })
  }
}
