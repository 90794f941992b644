import { z } from 'zod'

/** What the CLI reads of the API's answers; fields it does not know are left alone. */

export const ENVELOPE = z.object({
  result: z.unknown().optional(),
  errors: z.array(z.object({ code: z.number(), message: z.string() })).default([]),
  result_info: z.object({ total_count: z.number() }).optional(),
})

export const ZONE = z.object({
  id: z.string(),
  name: z.string(),
  cname_target: z.string().nullish(),
})

export type ApiZone = z.infer<typeof ZONE>

const VALIDATION_RECORD = z.object({
  txt_name: z.string().optional(),
  txt_value: z.string().optional(),
  http_url: z.string().optional(),
  http_body: z.string().optional(),
})

const DELEGATION_RECORD = z.object({ cname: z.string(), cname_target: z.string() })

const CERTIFICATE = z.object({
  issuer: z.string(),
  serial_number: z.string(),
  signature: z.string(),
  expires_on: z.string(),
})

const SSL = z.object({
  status: z.string(),
  method: z.string().optional(),
  validation_records: z.array(VALIDATION_RECORD).default([]),
  dcv_delegation_records: z.array(DELEGATION_RECORD).default([]),
  validation_errors: z.array(z.object({ message: z.string() })).default([]),
  expires_on: z.string().optional(),
  certificates: z.array(CERTIFICATE).default([]),
})

export const HOSTNAME = z.object({
  id: z.string(),
  hostname: z.string(),
  status: z.string(),
  created_at: z.string().optional(),
  verification_errors: z.array(z.string()).default([]),
  ownership_verification: z.object({ name: z.string(), value: z.string() }).optional(),
  ownership_verification_http: z.object({ http_url: z.string(), http_body: z.string() }).optional(),
  custom_metadata: z.record(z.string(), z.unknown()).optional(),
  custom_origin_server: z.string().optional(),
  custom_origin_sni: z.string().optional(),
  ssl: SSL.optional(),
})

export type ApiHostname = z.infer<typeof HOSTNAME>

export const EVENT = z.object({
  kind: z.string(),
  at: z.string(),
  by: z.string(),
  message: z.string(),
})

export type ApiEvent = z.infer<typeof EVENT>
