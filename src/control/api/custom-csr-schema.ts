import { z } from 'zod'

import type { CustomCsr } from '#domain/custom-csr.ts'
import { HostnameError, parseHostname } from '#domain/hostname.ts'
import { renderPem } from '#lib/pem.ts'

import type { CsrRequest } from '../certificates/csr-maker.ts'
import type { ApiErrorKind } from './api-error-table.ts'
import { ApiError } from './api-error.ts'
import type { NameRules } from './custom-hostname-input.ts'
import { fault } from './input-error.ts'
import { PAGING } from './list-query.ts'
import { renderInstant } from './render-custom-hostname.ts'
import { ACCOUNT } from './zone-schema.ts'

const KEY_TYPES = ['rsa2048', 'p256v1'] as const
const ALGORITHM_OF = { rsa2048: 'rsa', p256v1: 'ecdsa' } as const
const KEY_TYPE_OF = { rsa: 'rsa2048', ecdsa: 'p256v1' } as const

const MAX_SANS = 150
/** Upper bounds of RFC 5280 appendix A.1. */
const MAX_COMMON_NAME = 64
const MAX_STATE = 128
const MAX_LOCALITY = 128
const MAX_ORGANIZATION = 64

/** A lone surrogate, which JSON can say, has no UTF-8. */
const WRITABLE = /^[^\p{Cc}\p{Cs}]*$/u

function text(max: number): z.ZodString {
  return z
    .string('must be a string')
    .trim()
    .min(1, 'is required')
    .max(max, `must have at most ${max} characters`)
    .regex(WRITABLE, 'must not have control characters, or halves of any')
}

const COMMON_NAME = z
  .string('must be a string')
  .trim()
  .min(1, 'is required')
  .regex(WRITABLE, 'must not have control characters, or halves of any')
  .refine((value) => value.length <= MAX_COMMON_NAME, {
    message: `must have at most ${MAX_COMMON_NAME} characters`,
    ...fault('csr-common-name-long'),
  })

const SANS = z
  .array(z.string('must be a string').max(256, 'must have at most 256 characters'))
  .max(MAX_SANS, `must have at most ${MAX_SANS} entries`)
  .optional()
  .transform((sans, context) => {
    if (sans && sans.length > 0) return sans
    context.addIssue({ code: 'custom', message: 'is required', ...fault('csr-sans-missing') })
    return z.NEVER
  })

/** Empty strings are how some clients write "not given". */
export const CSR_INPUT = z
  .object(
    {
      country: z
        .string('must be a string')
        .regex(/^[A-Za-z]{2}$/, 'must be a country code of two letters (ISO 3166-1)'),
      state: text(MAX_STATE),
      locality: text(MAX_LOCALITY),
      organization: text(MAX_ORGANIZATION),
      common_name: COMMON_NAME,
      sans: SANS,
      organizational_unit: text(MAX_ORGANIZATION).or(z.literal('')).nullish(),
      name: z.string('must be a string').max(255, 'must have at most 255 characters').nullish(),
      description: z
        .string('must be a string')
        .max(1_000, 'must have at most 1000 characters')
        .nullish(),
      key_type: z.enum(KEY_TYPES, `must be one of ${KEY_TYPES.join(', ')}`).nullish(),
    },
    'must be a JSON object',
  )
  .meta({ id: 'CustomCsrCreate' })

export type CsrInput = z.infer<typeof CSR_INPUT>

export const CSR_LIST_QUERY = z.object({
  page: PAGING.page,
  per_page: z.coerce
    .number('must be an integer from 5 to 50')
    .int('must be an integer from 5 to 50')
    .min(5, 'must be an integer from 5 to 50')
    .max(50, 'must be an integer from 5 to 50')
    .default(50),
  order: z.enum(['name', 'account_tag', 'created_at']).default('created_at'),
  direction: z.enum(['asc', 'desc']).default('asc'),
})

/** A custom CSR as the API shows it (spec section 1.8). */
export const CUSTOM_CSR = z
  .object({
    id: z.uuid(),
    created_at: z.iso.datetime(),
    key_type: z.enum(KEY_TYPES),
    account_tag: z.string(),
    csr: z.string().describe('PEM.'),
    common_name: z.string(),
    country: z.string(),
    state: z.string(),
    locality: z.string(),
    organization: z.string(),
    organizational_unit: z.string().optional(),
    sans: z.array(z.string()),
    name: z.string().optional(),
    description: z.string().optional(),
  })
  .meta({ id: 'CustomCsr' })

export function renderCsr(csr: CustomCsr): z.infer<typeof CUSTOM_CSR> {
  const { subject, name, description } = csr
  return {
    id: csr.id,
    created_at: renderInstant(csr.createdAt),
    key_type: KEY_TYPE_OF[csr.keyAlgorithm],
    account_tag: ACCOUNT.id,
    csr: renderPem(csr.csr, 'CERTIFICATE REQUEST'),
    common_name: subject.commonName,
    country: subject.country,
    state: subject.state,
    locality: subject.locality,
    organization: subject.organization,
    ...(subject.organizationalUnit && { organizational_unit: subject.organizationalUnit }),
    sans: [...csr.sans],
    ...(name !== undefined && { name }),
    ...(description !== undefined && { description }),
  }
}

/** @param zoneId undefined: the account's @throws {ApiError} one of 1412 to 1416 */
export function toCsrRequest(
  input: CsrInput,
  { zoneId, rules }: { zoneId: string | undefined; rules: NameRules },
): CsrRequest {
  const { organizational_unit: organizationalUnit } = input
  const sans = input.sans.map((name, index) => toSan(name, index, rules))
  return {
    zoneId,
    keyAlgorithm: ALGORITHM_OF[input.key_type ?? 'rsa2048'],
    subject: {
      commonName: input.common_name,
      country: input.country.toUpperCase(),
      state: input.state,
      locality: input.locality,
      organization: input.organization,
      ...(organizationalUnit && { organizationalUnit }),
    },
    sans: [...new Set(sans)],
    name: input.name || undefined,
    description: input.description || undefined,
  }
}

/** The five checks of hostnames, with the codes that CSRs have for them. */
const SAN_KINDS = {
  invalid: 'csr-san-invalid',
  wildcard: 'csr-san-invalid',
  'non-ascii': 'csr-san-non-ascii',
  'reserved-tld': 'csr-san-reserved-tld',
  'public-suffix': 'csr-san-public-suffix',
  'example-domain': 'csr-san-example-domain',
} as const satisfies Record<HostnameError['problem'], ApiErrorKind>

/** A hostname, or one below a first label that is a wildcard. */
function toSan(value: string, index: number, rules: NameRules): string {
  const prefix = value.startsWith('*.') ? '*.' : ''
  try {
    return prefix + parseHostname(value.slice(prefix.length), rules)
  } catch (error) {
    if (!(error instanceof HostnameError)) throw error
    const pointer = `/sans/${index}`
    throw new ApiError(SAN_KINDS[error.problem], { reason: error.message, pointer })
  }
}
