import { z } from 'zod'

import { normaliseServerName } from '#domain/hostname.ts'

import { IssuerError } from '../issuer.ts'
import type { AcmeResponse } from './acme-http.ts'
import { problemSchema } from './acme-problem.ts'

/** What a CA sends (RFC 8555 section 7.1), as far as we use it. Its members are checked, not trusted. */
const address = z.url({ protocol: /^https?$/ }).max(2_048)
const problem = problemSchema.optional().catch(undefined)

/** More of each than any CA has; the rest is left out. */
const MAX_LISTED = 20

const caaIdentities = z
  .array(z.unknown())
  .transform((all) => all.slice(0, MAX_LISTED).flatMap(toDomainName))
  .catch([])

/** Names of the CA's profiles; what it says of them is not used. */
const profiles = z
  .record(z.string(), z.unknown())
  .transform((all) => Object.keys(all).filter((name) => name.length <= 100))
  .transform((names) => names.slice(0, MAX_LISTED))
  .catch([])

const optionalAddress = address.optional().catch(undefined)

export const directorySchema = z.object({
  newNonce: address,
  newAccount: address,
  newOrder: address,
  revokeCert: optionalAddress,
  /** RFC 9773 section 4. */
  renewalInfo: optionalAddress,
  meta: z
    .object({ externalAccountRequired: z.boolean().optional(), caaIdentities, profiles })
    .default({ caaIdentities: [], profiles: [] }),
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

function toDomainName(value: unknown): string[] {
  const name = typeof value === 'string' ? normaliseServerName(value) : undefined
  return name === undefined ? [] : [name]
}

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

export const authorizationSchema = z.object({
  identifier: z.object({ type: z.string().max(100), value: z.string().max(253) }),
  /** It is for `*.identifier` (RFC 8555 section 7.1.4). */
  wildcard: z.boolean().optional(),
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
