import { z } from 'zod'

import type { JsonObject } from '#domain/custom-hostname.ts'
import { HostnameError, parseHostname, type Hostname } from '#domain/hostname.ts'
import { OriginError, parseOrigin, type OriginProblem } from '#domain/origin.ts'

import type { ApiErrorKind } from './api-error-table.ts'
import { ApiError } from './api-error.ts'
import { SSL_INPUT } from './ssl-input.ts'

/** Custom metadata, written as JSON, in bytes (spec section 6). */
export const MAX_METADATA_BYTES = 4096
/** What the request's host header says is sent as SNI. */
export const REQUEST_HOST_HEADER = ':request_host_header:'

const METADATA = z
  .custom<JsonObject>(isJsonObject, 'must be a JSON object')
  .refine(
    (metadata) => Buffer.byteLength(JSON.stringify(metadata)) <= MAX_METADATA_BYTES,
    `must have at most ${MAX_METADATA_BYTES} bytes as JSON`,
  )
  .meta({ type: 'object', description: `Any JSON object of at most ${MAX_METADATA_BYTES} bytes.` })

/** The value comes from the JSON parser, so an object is a JSON object. */
function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const EDITABLE = {
  custom_metadata: METADATA.nullish(),
  custom_origin_server: z
    .string('must be a string')
    .max(300, 'must have at most 300 characters')
    .nullish()
    .describe('host, host:port, https://host[:port] or http://host[:port]'),
  custom_origin_sni: z
    .string('must be a string')
    .max(255, 'must have at most 255 characters')
    .nullish()
    .describe(`A host name, or ${REQUEST_HOST_HEADER}; only with a custom origin server.`),
  ssl: SSL_INPUT.nullish().describe('Null or absent: a hostname without a certificate.'),
}

const HOSTNAME = z.string('must be a string').max(255, 'must have at most 255 characters')

/** Other keys are taken and ignored: clients send back what they were given. */
export const CREATE_INPUT = z
  .object({ hostname: HOSTNAME, ...EDITABLE }, 'must be a JSON object')
  .meta({ id: 'CustomHostnameCreate' })

export const EDIT_INPUT = z
  .object({ hostname: HOSTNAME.optional(), ...EDITABLE }, 'must be a JSON object')
  .meta({ id: 'CustomHostnameEdit' })

export type CreateInput = z.infer<typeof CREATE_INPUT>
export type EditInput = z.infer<typeof EDIT_INPUT>

const HOSTNAME_KINDS = {
  invalid: 'hostname-invalid',
  wildcard: 'hostname-invalid',
  'non-ascii': 'hostname-non-ascii',
  'reserved-tld': 'hostname-reserved-tld',
  'public-suffix': 'hostname-public-suffix',
  'example-domain': 'hostname-example-domain',
} as const satisfies Record<HostnameError['problem'], ApiErrorKind>

const ORIGIN_KINDS = {
  invalid: 'origin-invalid',
  form: 'origin-invalid',
  port: 'origin-invalid',
  'ip-address': 'origin-invalid',
  wildcard: 'origin-wildcard',
  'non-ascii': 'origin-non-ascii',
  'reserved-tld': 'origin-reserved-tld',
  'public-suffix': 'origin-public-suffix',
  'example-domain': 'origin-example-domain',
} as const satisfies Record<OriginProblem, ApiErrorKind>

export interface NameRules {
  allowReservedTlds: boolean
}

/** @throws {ApiError} one of 1407 to 1411 */
export function toHostname(value: string, rules: NameRules): Hostname {
  try {
    return parseHostname(value, rules)
  } catch (error) {
    if (!(error instanceof HostnameError)) throw error
    const pointer = '/hostname'
    throw new ApiError(HOSTNAME_KINDS[error.problem], { reason: error.message, pointer })
  }
}

/** An origin and a server name as they are stored: an empty string is how clients clear one. */
export interface CustomOrigin {
  server: string | undefined
  sni: string | undefined
}

/** @throws {ApiError} one of 1415 to 1420 */
export function toCustomOrigin(
  input: Pick<CreateInput, 'custom_origin_server' | 'custom_origin_sni'>,
  rules: NameRules,
): CustomOrigin {
  const server = input.custom_origin_server || undefined
  const sni = input.custom_origin_sni || undefined
  if (server !== undefined) checkOriginServer(server, rules)
  if (sni !== undefined && sni !== REQUEST_HOST_HEADER) checkServerName(sni, rules)
  return { server, sni: sni === REQUEST_HOST_HEADER ? sni : sni?.toLowerCase() }
}

function checkOriginServer(value: string, rules: NameRules): void {
  try {
    parseOrigin(value, rules)
  } catch (error) {
    if (!(error instanceof OriginError)) throw error
    throw originError(error.problem, error.message, '/custom_origin_server')
  }
}

function checkServerName(value: string, rules: NameRules): void {
  try {
    parseHostname(value, rules)
  } catch (error) {
    if (!(error instanceof HostnameError)) throw error
    throw originError(error.problem, error.message, '/custom_origin_sni')
  }
}

export function originError(problem: OriginProblem, reason: string, pointer: string): ApiError {
  return new ApiError(ORIGIN_KINDS[problem], { reason, pointer })
}

/** @throws {ApiError} a server name for a custom origin that there is none of */
export function checkSniHasServer(origin: CustomOrigin): void {
  if (origin.sni === undefined || origin.server !== undefined) return
  const reason = 'custom_origin_sni needs a custom_origin_server'
  throw originError('form', reason, '/custom_origin_sni')
}
