import { z } from 'zod'

import { KEY_ALGORITHMS } from '#domain/certificate.ts'
import type { CustomHostname, JsonObject, Removal, SslConfig } from '#domain/custom-hostname.ts'
import type { Issuance, RenewalInfo } from '#domain/issuance.ts'
import type { CertificateRef, ManagedChain } from '#domain/managed-chain.ts'
import { CHALLENGE_TYPES, EXEMPTIONS } from '#domain/order.ts'
import type { Order } from '#domain/order.ts'
import type { Ownership } from '#domain/ownership.ts'
import type { TlsSettings } from '#domain/tls-settings.ts'

/** What is stored of a custom hostname as JSON: all that has no column of its own. */
export type CustomHostnameDocument = Pick<
  CustomHostname,
  | 'customMetadata'
  | 'customOriginServer'
  | 'customOriginSni'
  | 'ownership'
  | 'ownershipToken'
  | 'ssl'
  | 'chains'
  | 'removal'
>

/**
 * The shape that is written now. When it changes, raise this, and let `parseDocument` bring the
 * older shapes to the newest before it checks them.
 */
export const DOCUMENT_VERSION = 2

export function renderDocument(record: CustomHostname): string {
  const { customMetadata, customOriginServer, customOriginSni } = record
  const { ownership, ownershipToken, ssl, chains, removal } = record
  return JSON.stringify({
    customMetadata,
    customOriginServer,
    customOriginSni,
    ownership,
    ownershipToken,
    ssl,
    chains,
    removal,
  } satisfies CustomHostnameDocument)
}

/** @throws {Error} not JSON, a version that is not known, or another shape */
export function parseDocument(text: string, version: number): CustomHostnameDocument {
  if (version === DOCUMENT_VERSION) return document.parse(JSON.parse(text))
  if (version === 1) return document.parse(upgradeFirst(JSON.parse(text)))
  throw new Error(`unknown document version ${version}`)
}

/** In the first shape an issued chain had but one instant: when to renew it. */
function upgradeFirst(first: unknown): unknown {
  const { chains, ...rest } = firstDocument.parse(first)
  return {
    ...rest,
    chains: chains.map(({ issuance, ...chain }) => ({
      ...chain,
      issuance: issuance.state === 'issued' ? { ...issuance, renewAt: issuance.nextAt } : issuance,
    })),
  }
}

const firstDocument = z.looseObject({
  chains: z.array(
    z.looseObject({
      issuance: z.looseObject({ state: z.string(), nextAt: z.number().optional() }),
    }),
  ),
})

/** A key that JSON leaves out when it is undefined, and that the record has all the same. */
function orUndefined<Value>(schema: z.ZodType<Value>): z.ZodType<Value | undefined> {
  return schema.optional().transform((value) => value)
}

const instant = z.number()
const proofs = ['cname', 'http', 'txt', 'address'] as const
const switchedOnOff = z.enum(['on', 'off'])

const ownership = z.discriminatedUnion('state', [
  z.strictObject({
    state: z.literal('pending'),
    since: instant,
    attempts: z.number(),
    nextAt: instant,
    errors: z.array(z.string()),
    wasUnready: z.literal(true).exactOptional(),
  }),
  z.strictObject({
    state: z.literal('verified'),
    at: instant,
    by: z.enum(proofs),
    serial: z.number(),
    look: z.strictObject({ problems: z.array(z.string()), nextAt: instant }).exactOptional(),
  }),
  z.strictObject({
    state: z.literal('moved'),
    since: instant,
    nextAt: instant,
    errors: z.array(z.string()),
  }),
  z.strictObject({ state: z.literal('deleted'), since: instant, errors: z.array(z.string()) }),
  z.strictObject({ state: z.literal('blocked'), since: instant, reason: z.string() }),
]) satisfies z.ZodType<Ownership>

const order = z.strictObject({
  ca: z.string(),
  url: z.string(),
  challenges: z.array(
    z.strictObject({
      type: z.enum(CHALLENGE_TYPES),
      identifier: z.string(),
      wildcard: z.literal(true).exactOptional(),
      url: z.string(),
      token: z.string(),
      keyAuthorization: z.string(),
    }),
  ),
  expiresAt: instant,
  provedAlone: z.literal(true).exactOptional(),
  taken: z.strictObject({ exemption: z.enum(EXEMPTIONS), at: instant }).exactOptional(),
}) satisfies z.ZodType<Order>

const renewalInfo = z.strictObject({
  window: z.strictObject({ start: instant, end: instant }),
  explanationUrl: z.string().exactOptional(),
}) satisfies z.ZodType<RenewalInfo>

const waiting = { nextAt: instant, failures: z.number() }
const trying = {
  ...waiting,
  failingSince: instant.exactOptional(),
  avoid: z.array(z.string()).exactOptional(),
}
const opened = {
  ...trying,
  order,
  since: instant,
  awaySince: instant.exactOptional(),
  problem: z.string().exactOptional(),
}

const issuance = z.discriminatedUnion('state', [
  z.strictObject({
    state: z.literal('scheduled'),
    ...trying,
    attempts: z.number().exactOptional(),
    problem: z.string().exactOptional(),
    turn: instant.exactOptional(),
    afterSibling: z.literal(true).exactOptional(),
    wasUnready: z.literal(true).exactOptional(),
    awaitsProof: z.literal(true).exactOptional(),
  }),
  z.strictObject({
    state: z.literal('ordered'),
    ...opened,
    attempts: z.number(),
    wasUnready: z.literal(true).exactOptional(),
    awaitsProof: z.literal(true).exactOptional(),
  }),
  z.strictObject({
    state: z.literal('validating'),
    ...opened,
    via: z.enum(CHALLENGE_TYPES).exactOptional(),
  }),
  z.strictObject({
    state: z.literal('finalizing'),
    ...opened,
    certificateId: z.string(),
    sealedKey: z.string(),
  }),
  z.strictObject({
    state: z.literal('deploying'),
    ...waiting,
    certificateId: z.string(),
    serial: z.number(),
    renewAt: instant.exactOptional(),
    checkAt: instant.exactOptional(),
  }),
  z.strictObject({
    state: z.literal('issued'),
    ...waiting,
    certificateId: z.string(),
    renewAt: instant,
    renewalInfo: renewalInfo.exactOptional(),
  }),
  z.strictObject({
    state: z.literal('uploaded'),
    certificateId: z.string(),
    warnedAt: instant.exactOptional(),
  }),
  z.strictObject({
    state: z.literal('timed_out'),
    phase: z.enum(['initializing', 'validation', 'issuance', 'deployment']),
    since: instant,
    problem: z.string(),
  }),
]) satisfies z.ZodType<Issuance>

const certificateRef = z.strictObject({
  id: z.string(),
  notBefore: instant,
  notAfter: instant,
}) satisfies z.ZodType<CertificateRef>

const chain = z.strictObject({
  keyAlgorithm: z.enum(KEY_ALGORITHMS),
  certificate: orUndefined(certificateRef),
  isOutdated: z.literal(true).exactOptional(),
  issuance,
}) satisfies z.ZodType<ManagedChain>

const tlsSettings = z.strictObject({
  http2: switchedOnOff.exactOptional(),
  tls_1_3: switchedOnOff.exactOptional(),
  min_tls_version: z.enum(['1.0', '1.1', '1.2', '1.3']).exactOptional(),
  early_hints: switchedOnOff.exactOptional(),
  ciphers: z.array(z.string()).exactOptional(),
}) satisfies z.ZodType<TlsSettings>

const ssl = z.strictObject({
  packId: z.string(),
  method: orUndefined(z.enum(['http', 'txt'])),
  type: z.literal('dv'),
  certificateAuthority: orUndefined(z.string()),
  bundleMethod: z.enum(['ubiquitous', 'optimal', 'force']),
  wildcard: z.boolean(),
  branding: orUndefined(z.boolean()),
  settings: tlsSettings,
}) satisfies z.ZodType<SslConfig>

const removal = z.strictObject({
  requestedAt: instant,
  serial: z.number(),
}) satisfies z.ZodType<Removal>

/** What `JSON.parse` returned is JSON: only that it is an object is to be seen. */
const jsonObject = z.custom<JsonObject>(
  (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
)

const document = z.strictObject({
  customMetadata: orUndefined(jsonObject),
  customOriginServer: orUndefined(z.string()),
  customOriginSni: orUndefined(z.string()),
  ownership,
  ownershipToken: z.string(),
  ssl: orUndefined(ssl),
  chains: z.array(chain),
  removal: orUndefined(removal),
}) satisfies z.ZodType<CustomHostnameDocument>
