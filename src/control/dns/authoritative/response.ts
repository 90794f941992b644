import packet, { type Answer } from 'dns-packet'

import { FLAG, HEADER_BYTES, RCODE, TYPE, type Rcode } from '../wire.ts'
import type { Query, ReadableQuery } from './query.ts'

/** Fits into one packet on every path (RFC 9715), so no fragment can be forged into it. */
export const MAX_UDP_BYTES = 1_232
/** What a sender takes that says nothing (RFC 1035 section 4.2.1). */
const PLAIN_UDP_BYTES = 512

export interface Response {
  rcode: Rcode
  isAuthoritative?: boolean
  answers?: readonly OwnedRecord[]
  authority?: readonly OwnedRecord[]
  /** Left out where they do not fit. */
  additional?: readonly OwnedRecord[]
}

export interface OwnedRecord {
  /** The name that was asked, the zone itself, or the labels (encoded) of a name in the zone. */
  owner: 'question' | 'zone' | Buffer
  body: Buffer
}

export interface RenderOptions {
  maxBytes: number
  /** Of the zone's name on the wire. */
  zoneBytes: number
}

type WithoutName<Each> = Each extends Answer ? Omit<Each, 'name'> : never

/** All of a record but its owner's name. */
export function encodeBody(record: WithoutName<Answer>): Buffer {
  const message = packet.encode({ type: 'response', answers: [{ ...record, name: '.' } as Answer] })
  return message.subarray(HEADER_BYTES + 1)
}

/** How large an answer over UDP may be. */
export function udpLimitOf(query: Query): number {
  const asked = query.problem === undefined ? query.edns?.udpBytes : undefined
  return Math.min(Math.max(asked ?? 0, PLAIN_UDP_BYTES), MAX_UDP_BYTES)
}

/** What does not fit goes without its additional records, or else without any, marked as cut. */
export function renderResponse(query: Query, response: Response, options: RenderOptions): Buffer {
  if (query.problem !== undefined) return renderHead(query, response, { counts: [0, 0, 0, 0] })
  const whole = assemble(query, response, options)
  if (whole.length <= options.maxBytes) return whole
  const lean = assemble(query, { ...response, additional: [] }, options)
  return lean.length <= options.maxBytes ? lean : renderTruncated(query, response)
}

/** "Ask again by TCP." */
export function renderTruncated(query: ReadableQuery, response: Response): Buffer {
  const opt = renderOpt(query, response)
  const counts: Counts = [1, 0, 0, opt.length > 0 ? 1 : 0]
  const head = renderHead(query, response, { counts, flags: FLAG.truncated })
  return Buffer.concat([head, query.question.bytes, opt])
}

function assemble(query: ReadableQuery, response: Response, { zoneBytes }: RenderOptions): Buffer {
  const { answers = [], authority = [], additional = [] } = response
  const { bytes, name } = query.question
  const zoneAt = HEADER_BYTES + name.length - zoneBytes
  const opt = renderOpt(query, response)
  const extra = additional.length + (opt.length > 0 ? 1 : 0)
  const counts: Counts = [1, answers.length, authority.length, extra]
  const head = renderHead(query, response, { counts })
  const records = [...answers, ...authority, ...additional].flatMap(({ owner, body }) => [
    renderOwner(owner, zoneAt),
    body,
  ])
  return Buffer.concat([head, bytes, ...records, opt])
}

/** Of the sections, in their order: questions, answers, authority, additional. */
type Counts = readonly [number, number, number, number]

function renderHead(
  { header }: Query,
  { rcode, isAuthoritative = false }: Response,
  { counts, flags = 0 }: { counts: Counts; flags?: number },
): Buffer {
  const head = Buffer.alloc(HEADER_BYTES)
  const kept = header.flags & (FLAG.opcode | FLAG.recursionDesired)
  const authoritative = isAuthoritative ? FLAG.authoritative : 0
  head.writeUInt16BE(header.id, 0)
  head.writeUInt16BE(FLAG.response | kept | authoritative | flags | (RCODE[rcode] & 0x0f), 2)
  counts.forEach((count, index) => head.writeUInt16BE(count, 4 + 2 * index))
  return head
}

/** Pointers to the question, where the zone's name ends every name that has records here. */
function renderOwner(owner: OwnedRecord['owner'], zoneAt: number): Buffer {
  if (owner === 'question') return pointerTo(HEADER_BYTES)
  if (owner === 'zone') return pointerTo(zoneAt)
  return Buffer.concat([owner, pointerTo(zoneAt)])
}

function pointerTo(offset: number): Buffer {
  return Buffer.from([0xc0 | (offset >> 8), offset & 0xff])
}

/** Present exactly where the query had one (RFC 6891 section 6.1.1); the DO bit is copied (RFC 3225). */
function renderOpt({ edns }: ReadableQuery, { rcode }: Response): Buffer {
  if (!edns) return Buffer.alloc(0)
  const opt = Buffer.alloc(11)
  opt.writeUInt16BE(TYPE.OPT, 1)
  opt.writeUInt16BE(MAX_UDP_BYTES, 3)
  opt.writeUInt8(RCODE[rcode] >> 4, 5)
  opt.writeUInt16BE(edns.dnssecOk ? 0x8000 : 0, 7)
  return opt
}
