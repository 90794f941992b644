import { FLAG, HEADER_BYTES, TYPE } from '../wire.ts'
import { readName, skipName, type WireName } from './wire-name.ts'

/**
 * Queries are read by hand and not by dns-packet: that reads labels as UTF-8, so it neither gives a
 * question back byte by byte nor tells a dot within a label from one between two, and it allocates
 * what the counts of a header promise before it looks whether anything follows.
 */
export type Query =
  | { header: Header; problem: 'FORMERR' | 'NOTIMP' }
  | { header: Header; problem?: undefined; question: Question; edns: Edns | undefined }

export type ReadableQuery = Extract<Query, { question: Question }>

export interface Header {
  id: number
  flags: number
}

export interface Question {
  name: WireName
  type: number
  class: number
  /** As received, in the case in which it was asked. */
  bytes: Buffer
}

/** What the sender's OPT record says (RFC 6891 section 6.1.3). */
export interface Edns {
  /** The largest UDP answer that the sender takes. */
  udpBytes: number
  version: number
  /** The DO bit (RFC 3225). */
  dnssecOk: boolean
}

/**
 * Reads a query.
 *
 * @returns undefined for what is not to be answered at all: less than a header, and responses, lest
 * two servers answer each other for ever
 */
export function readQuery(message: Buffer): Query | undefined {
  if (message.length < HEADER_BYTES) return undefined
  const header = { id: message.readUInt16BE(0), flags: message.readUInt16BE(2) }
  if (header.flags & FLAG.response) return undefined
  if (header.flags & FLAG.opcode) return { header, problem: 'NOTIMP' }
  const question = readQuestion(message)
  if (!question) return { header, problem: 'FORMERR' }
  const rest = readRecords(message, HEADER_BYTES + question.bytes.length)
  if (rest === 'malformed') return { header, problem: 'FORMERR' }
  return { header, question, edns: rest }
}

/** Exactly one question is what a query has (RFC 9619). */
function readQuestion(message: Buffer): Question | undefined {
  if (message.readUInt16BE(4) !== 1) return undefined
  const name = readName(message, HEADER_BYTES)
  if (!name) return undefined
  const end = HEADER_BYTES + name.length + 4
  if (end > message.length) return undefined
  return {
    name,
    type: message.readUInt16BE(end - 4),
    class: message.readUInt16BE(end - 2),
    bytes: message.subarray(HEADER_BYTES, end),
  }
}

interface WireRecord {
  type: number
  /** Where its fixed part begins: behind the owner's name. */
  at: number
  end: number
  isAtRoot: boolean
}

/** Walks over all that follows the question: to its exact end, or it was no message. */
function readRecords(message: Buffer, offset: number): Edns | undefined | 'malformed' {
  const additionals = message.readUInt16BE(10)
  const count = message.readUInt16BE(6) + message.readUInt16BE(8) + additionals
  let edns: Edns | undefined
  let at = offset
  for (let left = count; left > 0; left--) {
    const record = readRecord(message, at)
    if (!record) return 'malformed'
    at = record.end
    if (record.type !== TYPE.OPT) continue
    // One OPT, at the root, in the additional section (RFC 6891 section 6.1.1).
    if (edns || !record.isAtRoot || left > additionals) return 'malformed'
    edns = readEdns(message, record)
    if (!edns) return 'malformed'
  }
  return at === message.length ? edns : 'malformed'
}

function readRecord(message: Buffer, offset: number): WireRecord | undefined {
  const at = skipName(message, offset)
  if (at === undefined || at + 10 > message.length) return undefined
  const end = at + 10 + message.readUInt16BE(at + 8)
  if (end > message.length) return undefined
  return { type: message.readUInt16BE(at), at, end, isAtRoot: message[offset] === 0 }
}

/** Of the options only the form is looked at: one that is not understood is passed over. */
function readEdns(message: Buffer, { at, end }: WireRecord): Edns | undefined {
  let option = at + 10
  while (option + 4 <= end) option += 4 + message.readUInt16BE(option + 2)
  if (option !== end) return undefined
  return {
    udpBytes: message.readUInt16BE(at + 2),
    version: message.readUInt8(at + 5),
    dnssecOk: (message.readUInt16BE(at + 6) & 0x8000) !== 0,
  }
}
