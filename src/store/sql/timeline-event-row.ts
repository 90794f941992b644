import type { Selectable } from 'kysely'
import { z } from 'zod'

import { KEY_ALGORITHMS } from '#domain/certificate.ts'
import type {
  TimelineDetails,
  TimelineEvent,
  TimelineFact,
  TimelineKind,
} from '#domain/timeline.ts'

import type { RecordedEvent } from '../timeline.ts'
import type { TimelineTable } from './schema.ts'

export function toEventRow(event: TimelineEvent, position: number): Selectable<TimelineTable> {
  const { hostnameId, at, by, kind, details } = event
  return {
    hostname_id: hostnameId,
    position,
    at,
    actor: by,
    kind,
    details: JSON.stringify(details),
  }
}

/** @throws {Error} a kind that is not known (a newer program's), or details that are not of it */
export function fromEventRow(row: Selectable<TimelineTable>): RecordedEvent {
  const { hostname_id: hostnameId, position: id, at, actor: by, kind, details } = row
  return { id, hostnameId, at, by, ...fact.parse({ kind, details: JSON.parse(details) }) }
}

const text = z.string()
const instant = z.number()
const none = {}
const chain = { keyAlgorithm: z.enum(KEY_ALGORITHMS) }
const ordered = { ...chain, ca: text }
const failed = { ...chain, problem: text }
const certified = { ...chain, certificateId: text, expiresAt: instant }
const problems = { problems: z.array(text) }

/** Keys that are not known are left out, so that a newer program may add some. */
const fact = z.discriminatedUnion('kind', [
  of('hostname.created', { hostname: text }),
  of('hostname.edited', { fields: z.array(text) }),
  of('hostname.validation_requested', none),
  of('hostname.published', none),
  of('hostname.deployed', none),
  of('hostname.removal_requested', none),
  of('ownership.not_verified', problems),
  of('ownership.verified', { proof: z.enum(['cname', 'http', 'txt', 'address']) }),
  of('ownership.left', problems),
  of('ownership.returned', none),
  of('ownership.moved', problems),
  of('ownership.deleted', none),
  of('ownership.blocked', { problem: text }),
  of('ownership.released', { domain: text }),
  of('ownership.revived', none),
  of('certificate.ordered', { ...ordered, isRenewal: z.boolean() }),
  of('certificate.waiting', { ...failed, nextAt: instant }),
  of('certificate.not_ready', failed),
  of('certificate.validating', ordered),
  of('certificate.validated', ordered),
  of('certificate.order_expired', ordered),
  of('certificate.failed', { ...failed, retryAt: instant }),
  of('certificate.timed_out', {
    ...failed,
    phase: z.enum(['initializing', 'validation', 'issuance', 'deployment']),
  }),
  of('certificate.issued', certified),
  of('certificate.renewed', certified),
  of('certificate.uploaded', certified),
  of('certificate.removed', { ...chain, certificateId: text }),
  of('certificate.expiring', certified),
  of('certificate.deployed', { ...chain, certificateId: text }),
  of('challenge.fetched', { detail: text }),
  of('handshake.first', { detail: text }),
]) satisfies z.ZodType<TimelineFact>

/** Held against the domain's type, key by key; that none is missing a test of the store says. */
function of<Kind extends TimelineKind, Shape extends z.ZodRawShape>(
  kind: Kind,
  details: Shape & DetailsShape<Kind>,
): z.ZodObject<{ kind: z.ZodLiteral<Kind>; details: z.ZodObject<Shape> }> {
  return z.object({ kind: z.literal(kind), details: z.object<Shape>(details) })
}

type DetailsShape<Kind extends TimelineKind> = {
  [Key in keyof TimelineDetails[Kind]]-?: z.ZodType
}
