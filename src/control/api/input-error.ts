import type { FastifySchemaCompiler } from 'fastify'
import type { z } from 'zod'

import { API_ERRORS, type ApiErrorKind } from './api-error-table.ts'
import { ApiError } from './api-error.ts'

/**
 * Which error a field gets that its schema refuses, by its path; the longest prefix that matches
 * counts. A check that needs another kind names it itself: `params: { kind }` (see `fault`).
 */
const BODY_KINDS: readonly (readonly [path: string, kind: ApiErrorKind])[] = [
  ['hostname', 'hostname-invalid'],
  ['custom_metadata', 'metadata-invalid'],
  ['custom_origin_server', 'origin-invalid'],
  ['custom_origin_sni', 'origin-invalid'],
  ['origin', 'origin-invalid'],
  ['name', 'zone-name-invalid'],
  ['ssl.method', 'method-unsupported'],
  ['ssl.type', 'type-unsupported'],
  ['ssl.bundle_method', 'bundle-method-invalid'],
  ['ssl.settings.http2', 'http2-invalid'],
  ['ssl.settings.tls_1_2_only', 'tls-1-2-only-invalid'],
  ['ssl.settings.tls_1_3', 'tls-1-3-invalid'],
  ['ssl.settings.min_tls_version', 'min-tls-version-invalid'],
  ['ssl.settings.ciphers', 'ciphers-invalid'],
  ['ssl.custom_certificate', 'certificate-unreadable'],
  ['ssl.custom_key', 'key-unusable'],
  ['ssl.custom_csr_id', 'certificate-csr-invalid'],
  ['ssl', 'ssl-invalid'],
  ['custom_certificate', 'certificate-unreadable'],
  ['custom_key', 'key-unusable'],
  ['custom_csr_id', 'certificate-csr-invalid'],
]

/** The same for the creation of a custom CSR, whose fields and errors are its own. */
const CSR_KINDS: typeof BODY_KINDS = [
  ['country', 'csr-country'],
  ['state', 'csr-state'],
  ['locality', 'csr-locality'],
  ['organization', 'csr-organization'],
  ['common_name', 'csr-common-name'],
  ['sans', 'csr-san-invalid'],
  ['key_type', 'csr-key-type'],
]

/** Whoever sees an answer need not see these; nor may a key stand in one because it was too long. */
const SECRET_FIELDS: readonly PropertyKey[] = [
  'custom_key',
  'custom_certificate',
  'custom_cert_bundle',
]

const PARAM_KINDS: Readonly<Record<string, ApiErrorKind>> = {
  custom_hostname_id: 'hostname-id-invalid',
  custom_csr_id: 'csr-id-invalid',
}

const QUERY_KINDS: Readonly<Record<string, ApiErrorKind>> = {
  hostname: 'hostname-filter-invalid',
  'hostname.exact': 'hostname-filter-invalid',
  'hostname.startsWith': 'hostname-filter-invalid',
  'hostname.contain': 'hostname-filter-invalid',
  id: 'hostname-id-invalid',
}

/** More faults than these are not listed: an answer must stay smaller than its question. */
const MAX_FAULTS = 10

/** Extra of a custom check: which error it gives. */
export function fault(kind: ApiErrorKind): { params: { kind: ApiErrorKind } } {
  return { params: { kind } }
}

/** Validates with zod and turns what is wrong into the errors of the specification. */
export const compileValidator: FastifySchemaCompiler<z.ZodType> =
  ({ schema, httpPart, url }) =>
  (data: unknown) => {
    const parsed = schema.safeParse(data)
    if (parsed.success) return { value: parsed.data }
    return { error: inputError(parsed.error.issues, { part: httpPart ?? 'body', data, url }) }
  }

interface InputContext {
  part: string
  data: unknown
  url: string | undefined
}

function inputError(issues: readonly z.core.$ZodIssue[], context: InputContext): ApiError {
  const [first, ...others] = issues.slice(0, MAX_FAULTS).map((issue) => describe(issue, context))
  return new ApiError(first?.kind ?? 'body-invalid', {
    ...first?.options,
    others: others.map((each) => new ApiError(each.kind, each.options)),
  })
}

interface Fault {
  kind: ApiErrorKind
  options: { reason: string; pointer?: string }
}

function describe(issue: z.core.$ZodIssue, context: InputContext): Fault {
  const path = issue.path.map(String)
  const kind = kindOf(issue, context)
  if (kind === 'route-not-found') return { kind, options: { reason: pathOf(context) } }
  const field = path.length > 0 ? path.join('.') : 'the body'
  const isSecret = issue.path.some((key) => SECRET_FIELDS.includes(key))
  const value = valueAt(context.data, issue.path)
  const reason = `${field}: ${isSecret && value !== undefined ? issue.message : wordsOf(issue, value)}`
  return {
    kind,
    options: context.part === 'body' ? { reason, pointer: pointer(path) } : { reason },
  }
}

/** The route's path with what the client wrote in its places. */
function pathOf({ url = '', data }: InputContext): string {
  return url.replace(/:(\w+)/g, (_, name) => String(valueAt(data, [name])).slice(0, 80))
}

function kindOf(issue: z.core.$ZodIssue, { part, url }: InputContext): ApiErrorKind {
  const named = issue.code === 'custom' ? issue.params?.['kind'] : undefined
  if (isKind(named)) return named
  const [head = ''] = issue.path.map(String)
  if (part === 'params') return PARAM_KINDS[head] ?? 'route-not-found'
  if (part === 'querystring') return QUERY_KINDS[head] ?? 'query-invalid'
  const path = issue.path.join('.')
  const kinds = url?.endsWith('/custom_csrs') ? CSR_KINDS : BODY_KINDS
  const known = kinds.find(([prefix]) => path === prefix || path.startsWith(`${prefix}.`))
  return known?.[1] ?? 'body-invalid'
}

function isKind(value: unknown): value is ApiErrorKind {
  return typeof value === 'string' && Object.hasOwn(API_ERRORS, value)
}

/** The rule and, where it is short enough to show, the value that breaks it. */
function wordsOf(issue: z.core.$ZodIssue, value: unknown): string {
  if (value === undefined && issue.code !== 'custom') return 'is required'
  const shown = show(value)
  return shown === undefined ? issue.message : `${issue.message}: received ${shown}`
}

function show(value: unknown): string | undefined {
  if (value === undefined) return undefined
  if (value === null || ['number', 'boolean'].includes(typeof value)) return String(value)
  if (typeof value === 'string' && value.includes('-----BEGIN')) return undefined
  if (typeof value === 'string')
    return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value)
  return Array.isArray(value) ? 'an array' : 'an object'
}

function valueAt(data: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((value, key) => {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
    return Reflect.get(value, key)
  }, data)
}

/** RFC 6901 section 3. */
function pointer(path: readonly string[]): string {
  return path.map((key) => `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}
