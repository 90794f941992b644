import packet, { type Answer, type DecodedPacket } from 'dns-packet'

import type { CaaRecord, SurveyType } from './resolver.ts'
import { HEADER_BYTES, RCODE } from './wire.ts'

/** One question on the wire. Names are in lower case without a trailing dot; the root is empty. */
export interface Query {
  name: string
  type: SurveyType
  /** RD: for recursive servers only. @default false */
  recursion?: boolean
  /** CD: answer even what does not validate (RFC 4035 section 3.2.2). @default false */
  checkingDisabled?: boolean
}

export type DnsRecord = { name: string; ttl: number; value: string } & (
  | { type: Exclude<SurveyType, 'CAA'> }
  | { type: 'CAA'; caa: CaaRecord }
)

/** What a server said, records of other types and classes left out. */
export interface Reply {
  /** With the upper bits of EDNS (RFC 6891 section 6.1.3). */
  rcode: number
  isAuthoritative: boolean
  isTruncated: boolean
  /** AD: the server has validated it (RFC 4035 section 3.2.3). */
  isValidated: boolean
  answers: readonly DnsRecord[]
  authorities: readonly DnsRecord[]
  additionals: readonly DnsRecord[]
}

/** Fits through every network without fragments (DNS flag day 2020). */
const UDP_PAYLOAD = 1_232
/** Of one message; a message of TCP could have 65,535. */
export const MAX_MESSAGE = 16_384
/**
 * Of all sections. A record costs at least eleven bytes, but its name may be pointers to pointers
 * through the whole message: what is decoded at all is bounded before decoding begins.
 */
const MAX_RECORDS = 256

export function encodeQuery(query: Query, options: { id: number; edns: boolean }): Buffer {
  const { RECURSION_DESIRED, CHECKING_DISABLED, AUTHENTIC_DATA } = packet
  const flags =
    (query.recursion ? RECURSION_DESIRED | AUTHENTIC_DATA : 0) |
    (query.checkingDisabled ? CHECKING_DISABLED : 0)
  const questions = [{ name: query.name || '.', type: query.type }]
  return packet.encode({
    type: 'query',
    id: options.id,
    flags,
    questions,
    additionals: options.edns ? [OPT] : [],
  })
}

const OPT: Answer = {
  type: 'OPT',
  name: '.',
  udpPayloadSize: UDP_PAYLOAD,
  extendedRcode: 0,
  ednsVersion: 0,
  flags: 0,
  flag_do: false,
  options: [],
}

/**
 * Undefined: not the reply to this query, and perhaps a forgery: wait on. `malformed`: it is, and
 * cannot be read.
 */
export function decodeReply(
  message: Buffer,
  { id, query }: { id: number; query: Query },
): Reply | 'malformed' | undefined {
  if (message.length < HEADER_BYTES || message.readUInt16BE(0) !== id) return undefined
  if (message.length > MAX_MESSAGE || countRecords(message) > MAX_RECORDS) return 'malformed'
  try {
    const decoded = packet.decode(message)
    // The decoder reads on where a message ends in the middle of a record.
    if (packet.decode.bytes > message.length) return 'malformed'
    return answersQuery(decoded, query) ? toReply(decoded) : undefined
  } catch {
    return 'malformed'
  }
}

function countRecords(message: Buffer): number {
  return [4, 6, 8, 10].reduce((sum, offset) => sum + message.readUInt16BE(offset), 0)
}

/** A server that does not know EDNS may leave the question out of its complaint (RFC 6891 section 7). */
function answersQuery(decoded: DecodedPacket, { name, type }: Query): boolean {
  const [question, ...more] = decoded.questions ?? []
  if (!decoded.flag_qr || more.length > 0) return false
  if (question === undefined) return rcodeOf(decoded) === RCODE.FORMERR
  const { name: asked, type: askedType, class: askedClass } = question
  return normalName(asked) === name && askedType === type && askedClass === 'IN'
}

function toReply(decoded: DecodedPacket): Reply {
  return {
    rcode: rcodeOf(decoded),
    isAuthoritative: decoded.flag_aa,
    isTruncated: decoded.flag_tc,
    isValidated: decoded.flag_ad,
    answers: recordsOf(decoded.answers),
    authorities: recordsOf(decoded.authorities),
    additionals: recordsOf(decoded.additionals),
  }
}

function rcodeOf({ flags = 0, additionals = [] }: DecodedPacket): number {
  const opt = additionals.find((record) => record.type === 'OPT')
  return (flags & 0xf) | ((opt?.extendedRcode ?? 0) << 4)
}

function recordsOf(answers: readonly Answer[] = []): DnsRecord[] {
  return answers.map(toRecord).filter((record) => record !== undefined)
}

function toRecord(answer: Answer): DnsRecord | undefined {
  if (answer.type === 'OPT' || answer.class !== 'IN') return undefined
  const common = { name: normalName(answer.name), ttl: secondsOf(answer.ttl) }
  switch (answer.type) {
    case 'A':
    case 'AAAA':
      return { ...common, type: answer.type, value: answer.data }
    case 'CNAME':
    case 'NS':
      return { ...common, type: answer.type, value: normalName(answer.data) }
    case 'TXT':
      return { ...common, type: 'TXT', value: [answer.data].flat().map(String).join('') }
    case 'SOA': {
      const { mname, rname, serial, refresh, retry, expire, minimum } = answer.data
      const words = [mname, rname, serial, refresh, retry, expire, minimum]
      return { ...common, type: 'SOA', value: words.join(' ') }
    }
    case 'CAA': {
      const { flags = 0, tag, value } = answer.data
      const caa = { critical: (flags & CRITICAL) !== 0, tag: tag.toLowerCase(), value }
      return { ...common, type: 'CAA', value: `${flags} ${tag} ${JSON.stringify(value)}`, caa }
    }
    default:
      return undefined
  }
}

/** The issuer critical flag, bit 0 as RFC 8659 section 4.1 counts. */
const CRITICAL = 0x80

/** RFC 2181 section 8: what does not fit in 31 bits counts as zero. */
function secondsOf(ttl = 0): number {
  return ttl > 0x7fff_ffff ? 0 : ttl
}

function normalName(name: string): string {
  return name === '.' ? '' : name.toLowerCase()
}
