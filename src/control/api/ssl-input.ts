import { z } from 'zod'

import type { SslConfig } from '#domain/custom-hostname.ts'
import type { Hostname } from '#domain/hostname.ts'
import type { TlsSettings } from '#domain/tls-settings.ts'

import { ApiError } from './api-error.ts'
import {
  bringsCertificate,
  checkCustomCertificate,
  CUSTOM_CERTIFICATE_FIELDS,
} from './custom-certificate-input.ts'
import { fault } from './input-error.ts'

/** Suites that may be selected, for TLS 1.2 and below (spec section 4). */
export const CIPHERS = [
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-RSA-CHACHA20-POLY1305',
  'ECDHE-ECDSA-AES128-SHA256',
  'ECDHE-ECDSA-AES128-SHA',
  'ECDHE-RSA-AES128-SHA256',
  'ECDHE-RSA-AES128-SHA',
  'AES128-GCM-SHA256',
  'AES128-SHA256',
  'AES128-SHA',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-AES256-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-SHA384',
  'ECDHE-RSA-AES256-SHA',
  'AES256-GCM-SHA384',
  'AES256-SHA256',
  'AES256-SHA',
  'DES-CBC3-SHA',
] as const

const ON_OFF = z.enum(['on', 'off'], "must be 'on' or 'off'")

const SETTINGS = z
  .object({
    http2: ON_OFF.nullish(),
    tls_1_3: ON_OFF.nullish(),
    tls_1_2_only: ON_OFF.nullish().describe('Retired; taken and ignored.'),
    min_tls_version: z
      .enum(['1.0', '1.1', '1.2', '1.3'], "must be one of '1.0', '1.1', '1.2', '1.3'")
      .nullish(),
    early_hints: ON_OFF.nullish(),
    ciphers: z
      .array(z.enum(CIPHERS, 'is not a cipher suite that can be selected'), 'must be an array')
      .max(CIPHERS.length, `must have at most ${CIPHERS.length} entries`)
      .refine((list) => new Set(list).size === list.length, 'must not name a suite twice')
      .nullish(),
  })
  .superRefine(({ ciphers, min_tls_version }, context) => {
    if (ciphers && ciphers.length > 0 && min_tls_version === '1.3') {
      const path = ['ciphers']
      context.addIssue({ code: 'custom', path, ...fault('ciphers-with-tls-1-3') })
    }
  })

export const SSL_INPUT = z
  .object({
    method: z
      .enum(['http', 'txt'], "must be 'http' or 'txt'")
      .nullish()
      .describe('How the CA validates the name.'),
    type: z.enum(['dv'], "must be 'dv'").nullish(),
    certificate_authority: z
      .enum(
        ['google', 'lets_encrypt', 'ssl_com', 'digicert', ''],
        'must be one of google, lets_encrypt, ssl_com',
      )
      .nullish(),
    bundle_method: z
      .enum(['ubiquitous', 'optimal', 'force'], 'must be one of ubiquitous, optimal, force')
      .nullish(),
    wildcard: z.boolean('must be true or false').nullish(),
    cloudflare_branding: z.boolean('must be true or false').nullish(),
    settings: SETTINGS.nullish(),
    ...CUSTOM_CERTIFICATE_FIELDS,
  })
  .superRefine((ssl, context) => {
    checkCustomCertificate(ssl, context)
    if (bringsCertificate(ssl)) return
    if (ssl.wildcard && ssl.method === 'http') {
      const message = "a wildcard is proved by DNS alone: method must be 'txt'"
      const kind = fault('wildcard-unsupported')
      context.addIssue({ code: 'custom', path: ['wildcard'], message, ...kind })
    }
    if (!ssl.method || !ssl.type) {
      context.addIssue({ code: 'custom', ...missingMethodOrType(ssl) })
    }
  })
  .meta({ id: 'Ssl' })

export type SslInput = z.infer<typeof SSL_INPUT>

/** Changing only the CA has its own error (spec section 1.5). */
function missingMethodOrType(ssl: {
  method?: unknown
  type?: unknown
  certificate_authority?: unknown
}): { message: string } & ReturnType<typeof fault> {
  const onlyAuthority = !ssl.method && !ssl.type && Boolean(ssl.certificate_authority)
  const message = 'method and type must be sent with it'
  return { message, ...fault(onlyAuthority ? 'ssl-invalid' : 'method-and-type-required') }
}

/**
 * The configuration that the input asks for. Settings are those of the input alone: what it leaves
 * out goes back to the default (spec section 1.5). How a CA validates, and which, says nothing of a
 * certificate that the caller brings.
 */
export function toSslConfig(input: SslInput, packId: string): SslConfig {
  const isOwn = bringsCertificate(input)
  return {
    packId,
    method: isOwn ? undefined : (input.method ?? 'http'),
    type: 'dv',
    certificateAuthority: isOwn ? undefined : (input.certificate_authority ?? undefined),
    bundleMethod: input.bundle_method ?? 'ubiquitous',
    wildcard: input.wildcard ?? false,
    branding: input.cloudflare_branding ?? undefined,
    settings: toTlsSettings(input.settings ?? {}),
  }
}

function toTlsSettings(input: z.infer<typeof SETTINGS>): TlsSettings {
  const { http2, tls_1_3, min_tls_version, early_hints, ciphers } = input
  return {
    ...(http2 && { http2 }),
    ...(tls_1_3 && { tls_1_3 }),
    ...(min_tls_version && { min_tls_version }),
    ...(early_hints && { early_hints }),
    ...(ciphers && { ciphers }),
  }
}

/** Common names have at most 64 characters (RFC 5280, ub-common-name). */
const MAX_COMMON_NAME = 64

/** Of managed certificates. @throws {ApiError} `branding-required` */
export function checkCommonName(hostname: Hostname, ssl: SslConfig | undefined): void {
  if (ssl?.method && hostname.length > MAX_COMMON_NAME && ssl.branding !== true) {
    throw new ApiError('branding-required', { pointer: '/hostname' })
  }
}

export function isSameSettings(one: TlsSettings, other: TlsSettings): boolean {
  return (
    one.http2 === other.http2 &&
    one.tls_1_3 === other.tls_1_3 &&
    one.min_tls_version === other.min_tls_version &&
    one.early_hints === other.early_hints &&
    one.ciphers?.join() === other.ciphers?.join()
  )
}
