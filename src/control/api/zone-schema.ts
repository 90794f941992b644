import { z } from 'zod'

import type { Zone } from '#domain/zone.ts'

import { renderInstant } from './render-custom-hostname.ts'

/** There is one account: whoever runs Custos. */
export const ACCOUNT = { id: '00000000000000000000000000000001', name: 'Custos' } as const

/** A zone as the SDKs expect it; what has no meaning here has its neutral value. */
export const ZONE = z
  .object({
    id: z.string(),
    name: z.string(),
    status: z.literal('active'),
    paused: z.boolean(),
    type: z.literal('partial'),
    development_mode: z.int(),
    name_servers: z.array(z.string()),
    original_name_servers: z.null(),
    original_registrar: z.null(),
    original_dnshost: z.null(),
    created_on: z.iso.datetime(),
    modified_on: z.iso.datetime(),
    activated_on: z.iso.datetime(),
    meta: z.object({ step: z.int(), page_rule_quota: z.int(), phishing_detected: z.boolean() }),
    owner: z.object({ id: z.string(), name: z.string(), type: z.literal('user') }),
    account: z.object({ id: z.string(), name: z.string() }),
    permissions: z.array(z.string()),
    plan: z.object({
      id: z.string(),
      name: z.string(),
      price: z.number(),
      currency: z.string(),
      is_subscribed: z.boolean(),
      can_subscribe: z.boolean(),
      legacy_discount: z.boolean(),
    }),
    cname_target: z
      .string()
      .nullable()
      .describe('What customers point their CNAME at. An addition of Custos.'),
  })
  .meta({ id: 'Zone' })

export type RenderedZone = z.infer<typeof ZONE>

/** @param cnameTarget where the zone has none of its own */
export function renderZone(zone: Zone, cnameTarget: string | undefined): RenderedZone {
  const createdOn = renderInstant(zone.createdAt)
  return {
    id: zone.id,
    name: zone.name,
    status: 'active',
    paused: false,
    type: 'partial',
    development_mode: 0,
    name_servers: [],
    original_name_servers: null,
    original_registrar: null,
    original_dnshost: null,
    created_on: createdOn,
    modified_on: createdOn,
    activated_on: createdOn,
    meta: { step: 4, page_rule_quota: 0, phishing_detected: false },
    owner: { ...ACCOUNT, type: 'user' },
    account: ACCOUNT,
    permissions: ['#ssl:read', '#ssl:edit', '#zone:read', '#zone:edit'],
    plan: PLAN,
    cname_target: zone.cnameTarget ?? cnameTarget ?? null,
  }
}

const PLAN = {
  id: '00000000000000000000000000000001',
  name: 'Custos',
  price: 0,
  currency: 'USD',
  is_subscribed: true,
  can_subscribe: false,
  legacy_discount: false,
}
