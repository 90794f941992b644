import { z } from 'zod'

import { CHECK_NAMES, CHECK_STATUSES, type Check, type Diagnosis } from '../diagnosis/diagnosis.ts'
import type { ApiDependencies } from './api-dependencies.ts'
import { ApiError } from './api-error.ts'
import type { ApiInstance } from './api-instance.ts'
import { FAILURE_SCHEMA, success, successSchema } from './envelope.ts'
import { renderInstant } from './render-custom-hostname.ts'
import { getHostname, getZone, HOSTNAME_PARAMS } from './zone-access.ts'

const CHECK = z.object({
  name: z.enum(CHECK_NAMES),
  status: z.enum(CHECK_STATUSES),
  expected: z.string().describe('How it should be.'),
  seen: z
    .array(z.object({ server: z.string(), answer: z.string() }))
    .describe('Which name server, address or CA answered what.'),
  since: z.iso.datetime().optional(),
  sentence: z.string().describe('How it is, and what to change.'),
})

const DIAGNOSIS = z
  .object({
    hostname: z.string(),
    checked_at: z.iso.datetime(),
    status: z.enum(CHECK_STATUSES),
    summary: z.string().describe('The sentence that matters most: what to do first.'),
    checks: z.array(CHECK).describe('In the order in which they are to be put right.'),
  })
  .meta({ id: 'Diagnosis' })

const RETRY_SECONDS = '2'

/** What keeps a custom hostname from being served, seen from outside: an addition of ours. */
export function diagnosisRoutes(app: ApiInstance, deps: ApiDependencies): void {
  const schema = {
    operationId: 'diagnoseCustomHostname',
    summary: 'Look at the customer’s DNS and web server and say what to change',
    description:
      'Takes up to 8 seconds. Who asks again within 5 seconds gets the same answer; with too many hostnames under way the answer is 429.',
    tags: ['Custom hostnames'],
    params: HOSTNAME_PARAMS,
    response: { 200: successSchema(DIAGNOSIS), '4xx': FAILURE_SCHEMA },
  }
  const path = '/zones/:zone_id/custom_hostnames/:custom_hostname_id/diagnosis'
  app.get(path, { schema }, async ({ params }) => {
    const zone = await getZone(deps.store, params.zone_id)
    const record = await getHostname(deps.store, zone, params.custom_hostname_id)
    const diagnosis = await deps.diagnose(record, zone)
    if (diagnosis) return success(render(diagnosis))
    const headers = { 'retry-after': RETRY_SECONDS }
    throw new ApiError('rate-limited', { reason: 'other hostnames are being diagnosed', headers })
  })
}

function render({ hostname, at, status, summary, checks }: Diagnosis): z.infer<typeof DIAGNOSIS> {
  return {
    hostname,
    checked_at: renderInstant(at),
    status,
    summary,
    checks: checks.map(renderCheck),
  }
}

function renderCheck({ since, seen, ...check }: Check): z.infer<typeof CHECK> {
  return {
    ...check,
    seen: [...seen],
    ...(since !== undefined && { since: renderInstant(since) }),
  }
}
