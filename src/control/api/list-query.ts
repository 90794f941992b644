import { z } from 'zod'

import { foldName } from '#domain/hostname.ts'
import type { Page } from '#store/page.ts'
import type { HostnameFilter } from '#store/store.ts'

import { ApiError } from './api-error.ts'
import { HOSTNAME_STATUSES, SSL_STATUSES } from './custom-hostname-schema.ts'

/** Statuses of the specification that Custos never says: valid to ask for, found nowhere. */
const NEVER_SSL_STATUSES = [
  'pending_cleanup',
  'staging_deployment',
  'staging_active',
  'deactivating',
  'inactive',
  'backup_issued',
  'holding_deployment',
] as const

const NEVER_HOSTNAME_STATUSES = [
  'pending_blocked',
  'pending_migration',
  'pending_provisioned',
  'provisioned',
  'test_pending',
  'test_active',
  'test_active_apex',
  'test_blocked',
  'test_failed',
] as const

const MIN_PER_PAGE = 5
const MAX_PER_PAGE = 1000
const DEFAULT_PER_PAGE = 20
/** Keeps the offset a safe integer. */
const MAX_PAGE = 1_000_000_000

/** `page` and `per_page`, which all lists have. */
export const PAGING = {
  page: counted({ min: 1, max: MAX_PAGE }).default(1),
  per_page: counted({ min: MIN_PER_PAGE, max: MAX_PER_PAGE }).default(DEFAULT_PER_PAGE),
}

function counted({ min, max }: { min: number; max: number }): z.ZodCoercedNumber {
  const rule = `must be an integer from ${min} to ${max}`
  return z.coerce.number(rule).int(rule).min(min, rule).max(max, rule)
}

const NAME_PART = z
  .string('must be given once')
  .min(1, 'must not be empty')
  .max(255, 'must have at most 255 characters')
  .regex(/^[A-Za-z0-9._*-]*$/, 'has characters that no hostname has')

/** Query parameters of the list of custom hostnames (spec section 1.3). */
export const LIST_QUERY = z.object({
  ...PAGING,
  hostname: NAME_PART.optional().describe('The whole name.'),
  'hostname.exact': NAME_PART.optional().describe('The whole name.'),
  'hostname.startsWith': NAME_PART.optional(),
  'hostname.contain': NAME_PART.optional(),
  id: z.guid('must be a UUID of 36 characters').optional().describe('Excludes all other filters.'),
  order: z.enum(['ssl', 'ssl_status']).default('ssl'),
  direction: z.enum(['asc', 'desc']).default('asc'),
  ssl: z.enum(['0', '1']).default('0').describe('1: only hostnames with a certificate. 0: all.'),
  ssl_status: z.enum([...SSL_STATUSES, ...NEVER_SSL_STATUSES]).optional(),
  hostname_status: z.enum([...HOSTNAME_STATUSES, ...NEVER_HOSTNAME_STATUSES]).optional(),
  certificate_authority: z.enum(['google', 'lets_encrypt', 'ssl_com']).optional(),
  wildcard: z.enum(['true', 'false']).optional(),
  custom_origin_server: z
    .string('must be given once')
    .max(300, 'must have at most 300 characters')
    .optional(),
})

export type ListQuery = z.infer<typeof LIST_QUERY>

const NAME_FILTERS = [
  'hostname',
  'hostname.exact',
  'hostname.startsWith',
  'hostname.contain',
] as const

const OTHER_FILTERS = [
  'ssl_status',
  'hostname_status',
  'certificate_authority',
  'wildcard',
  'custom_origin_server',
] as const

/**
 * The store's filter for a query; undefined where it asks for what cannot be.
 *
 * @throws {ApiError} filters that exclude each other
 */
export function toFilter(query: ListQuery): HostnameFilter | undefined {
  checkExclusions(query)
  const { ssl_status: sslStatus, hostname_status: hostnameStatus } = query
  if (sslStatus && !isKnown(sslStatus, SSL_STATUSES)) return undefined
  if (hostnameStatus && !isKnown(hostnameStatus, HOSTNAME_STATUSES)) return undefined
  return {
    ...nameFilter(query),
    ...(query.id !== undefined && { id: query.id.toLowerCase() }),
    ...(query.ssl === '1' && { hasSsl: true }),
    ...(sslStatus && { sslStatus }),
    ...(hostnameStatus && { hostnameStatus }),
    ...(query.certificate_authority && { certificateAuthority: query.certificate_authority }),
    ...(query.wildcard && { wildcard: query.wildcard === 'true' }),
    ...(query.custom_origin_server && { customOriginServer: query.custom_origin_server }),
  }
}

/** Oldest first, unless asked otherwise: what is created while a client pages does not shift pages. */
export function toPage(query: ListQuery): Page {
  return {
    page: query.page,
    perPage: query.per_page,
    order: query.order === 'ssl_status' ? 'ssl_status' : 'created',
    direction: query.direction,
  }
}

function checkExclusions(query: ListQuery): void {
  const names = NAME_FILTERS.filter((key) => query[key] !== undefined)
  const others = OTHER_FILTERS.filter((key) => query[key] !== undefined)
  if (query.id !== undefined && (names.length > 0 || others.length > 0)) {
    throw new ApiError('id-filter-not-alone', { reason: [...names, ...others].join(', ') })
  }
  if (names.length > 1) {
    const reason = `${names.join(' and ')} exclude each other`
    throw new ApiError('hostname-filter-invalid', { reason })
  }
}

function nameFilter(query: ListQuery): HostnameFilter {
  const exact = query.hostname ?? query['hostname.exact']
  const start = query['hostname.startsWith']
  const part = query['hostname.contain']
  return {
    ...(exact !== undefined && { hostname: foldName(exact) }),
    ...(start !== undefined && { hostnameStartsWith: start.toLowerCase() }),
    ...(part !== undefined && { hostnameContains: part.toLowerCase() }),
  }
}

function isKnown<Status extends string>(
  status: string,
  known: readonly Status[],
): status is Status {
  return known.some((each) => each === status)
}
