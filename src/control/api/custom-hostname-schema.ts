import { z } from 'zod'

const RECORD = z.object({
  status: z.string().optional(),
  txt_name: z.string().optional(),
  txt_value: z.string().optional(),
  http_url: z.string().optional(),
  http_body: z.string().optional(),
  cname: z.string().optional(),
  cname_target: z.string().optional(),
  emails: z.array(z.string()).optional(),
})

const CERTIFICATE = z.object({
  id: z.string(),
  issuer: z.string(),
  serial_number: z.string().describe('Decimal.'),
  signature: z.string(),
  expires_on: z.iso.datetime(),
  issued_on: z.iso.datetime(),
  fingerprint_sha256: z.string().describe('Hexadecimal.'),
})

const SETTINGS = z
  .object({
    http2: z.enum(['on', 'off']).optional(),
    tls_1_3: z.enum(['on', 'off']).optional(),
    min_tls_version: z.enum(['1.0', '1.1', '1.2', '1.3']).optional(),
    early_hints: z.enum(['on', 'off']).optional(),
    ciphers: z.array(z.string()).optional(),
  })
  .describe('Only what was set; anything else has its default.')

export const SSL_STATUSES = [
  'initializing',
  'pending_validation',
  'pending_issuance',
  'pending_deployment',
  'active',
  'pending_expiration',
  'expired',
  'pending_deletion',
  'deleted',
  'initializing_timed_out',
  'validation_timed_out',
  'issuance_timed_out',
  'deployment_timed_out',
  'deletion_timed_out',
] as const

export const HOSTNAME_STATUSES = [
  'pending',
  'active',
  'active_redeploying',
  'moved',
  'pending_deletion',
  'deleted',
  'blocked',
] as const

const SSL = z.object({
  id: z.uuid(),
  status: z.enum(SSL_STATUSES),
  method: z.enum(['http', 'txt']).optional(),
  type: z.literal('dv'),
  wildcard: z.boolean(),
  bundle_method: z.enum(['ubiquitous', 'optimal', 'force']),
  certificate_authority: z.string().optional(),
  cloudflare_branding: z.boolean().optional(),
  settings: SETTINGS,
  validation_records: z.array(RECORD).optional(),
  dcv_delegation_records: z.array(RECORD).optional(),
  validation_errors: z.array(z.object({ message: z.string() })).optional(),
  http_url: z.string().optional().describe('Of the only validation record.'),
  http_body: z.string().optional().describe('Of the only validation record.'),
  txt_name: z.string().optional().describe('Of the only validation record.'),
  txt_value: z.string().optional().describe('Of the only validation record.'),
  hosts: z.array(z.string()).optional(),
  issuer: z.string().optional(),
  serial_number: z.string().optional(),
  signature: z.string().optional(),
  uploaded_on: z.iso.datetime().optional(),
  expires_on: z.iso.datetime().optional(),
  certificates: z.array(CERTIFICATE).optional(),
  custom_certificate: z.string().optional().describe("The caller's own, PEM, as it is served."),
  custom_csr_id: z.string().optional(),
})

/** A custom hostname as the API shows it (spec section 1.6). */
export const CUSTOM_HOSTNAME = z
  .object({
    id: z.uuid(),
    hostname: z.string(),
    created_at: z.iso.datetime(),
    status: z.enum(HOSTNAME_STATUSES),
    verification_errors: z.array(z.string()).optional(),
    ownership_verification: z
      .object({ type: z.literal('txt'), name: z.string(), value: z.string() })
      .optional(),
    ownership_verification_http: z
      .object({ http_url: z.string(), http_body: z.string() })
      .optional(),
    custom_metadata: z.record(z.string(), z.unknown()).optional(),
    custom_origin_server: z.string().optional(),
    custom_origin_sni: z.string().optional(),
    ssl: SSL.optional(),
  })
  .meta({ id: 'CustomHostname' })

export type RenderedHostname = z.infer<typeof CUSTOM_HOSTNAME>
export type RenderedSsl = z.infer<typeof SSL>
export type RenderedRecord = z.infer<typeof RECORD>
export type RenderedCertificate = z.infer<typeof CERTIFICATE>
