import { createSocket } from 'node:dgram'
import { once } from 'node:events'

import packet, { type Answer, type DecodedPacket, type Question } from 'dns-packet'

/** What a name has; or how the server fails for it: `silent` gives no answer at all. */
export type DnsRecords =
  | { A?: string[]; AAAA?: string[]; CNAME?: string; TXT?: string[]; NS?: string[] }
  | 'servfail'
  | 'refused'
  | 'silent'

export interface DnsServer extends AsyncDisposable {
  /** `127.0.0.1:port`, as `CUSTOS_DNS_SERVERS` wants it. */
  readonly address: string
  /** Every question so far, as `type name`. */
  readonly questions: readonly string[]
  /** Replaces what a name has; undefined removes the name. */
  set(name: string, records: DnsRecords | undefined): void
  close(): Promise<void>
}

/** A recursive server over UDP on a free port that knows only these names; others do not exist. */
export async function startDnsServer(records: Record<string, DnsRecords> = {}): Promise<DnsServer> {
  const names = new Map(Object.entries(records))
  const questions: string[] = []
  const socket = createSocket('udp4')
  socket.on('message', (message, peer) => {
    const query = packet.decode(message)
    const [question] = query.questions ?? []
    if (!question) return
    questions.push(`${question.type} ${question.name}`)
    const reply = answer(query, question, names)
    if (reply) socket.send(reply, peer.port, peer.address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const close = (): Promise<void> => new Promise((resolve) => socket.close(() => resolve()))
  return {
    address: `127.0.0.1:${socket.address().port}`,
    questions,
    set: (name, value) => void (value === undefined ? names.delete(name) : names.set(name, value)),
    close,
    [Symbol.asyncDispose]: close,
  }
}

const RESPONSE_CODES = { nxdomain: 3, servfail: 2, refused: 5 } as const
const TTL = 1
/** Of aliases followed within one answer. */
const MAX_HOPS = 12

function answer(
  query: DecodedPacket,
  question: Question,
  names: ReadonlyMap<string, DnsRecords>,
): Buffer | undefined {
  const first = names.get(question.name.toLowerCase())
  if (first === 'silent') return undefined
  if (first === undefined) return encode(query, [], RESPONSE_CODES.nxdomain)
  if (typeof first === 'string') return encode(query, [], RESPONSE_CODES[first])
  return encode(query, collect(question, names), 0)
}

function collect(question: Question, names: ReadonlyMap<string, DnsRecords>): Answer[] {
  const answers: Answer[] = []
  let name = question.name
  for (let hop = 0; hop < MAX_HOPS; hop++) {
    const records = names.get(name.toLowerCase())
    if (records === undefined || typeof records === 'string') break
    answers.push(...recordsOf(name, question.type, records))
    if (records.CNAME === undefined || question.type === 'CNAME') break
    answers.push({ type: 'CNAME', name, ttl: TTL, data: records.CNAME })
    name = records.CNAME
  }
  return answers
}

function recordsOf(name: string, type: string, records: Exclude<DnsRecords, string>): Answer[] {
  if (type === 'A') return (records.A ?? []).map((data) => ({ type, name, ttl: TTL, data }))
  if (type === 'AAAA') return (records.AAAA ?? []).map((data) => ({ type, name, ttl: TTL, data }))
  if (type === 'NS') return (records.NS ?? []).map((data) => ({ type, name, ttl: TTL, data }))
  if (type === 'TXT')
    return (records.TXT ?? []).map((data) => ({ type, name, ttl: TTL, data: [data] }))
  if (type === 'CNAME' && records.CNAME !== undefined) {
    return [{ type, name, ttl: TTL, data: records.CNAME }]
  }
  return []
}

function encode(query: DecodedPacket, answers: Answer[], responseCode: number): Buffer {
  return packet.encode({
    type: 'response',
    id: query.id ?? 0,
    flags: packet.RECURSION_DESIRED | packet.RECURSION_AVAILABLE | responseCode,
    questions: query.questions ?? [],
    answers,
  })
}
