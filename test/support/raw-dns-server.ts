import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type Server } from 'node:net'

import packet, { type Answer, type DecodedPacket, type Packet } from 'dns-packet'

import { freePort } from './ports.ts'

/** A question that came, and the ways to treat whoever asked. */
export interface RawQuestion {
  name: string
  type: string
  over: 'udp' | 'tcp'
  query: DecodedPacket
  /** Where it came from. */
  from: { address: string; port: number }
  send(message: Buffer): void
  /** Over TCP: ends the connection. */
  hangUp(): void
}

export interface RawDnsServer extends AsyncDisposable {
  readonly address: string
  readonly port: number
  readonly endpoint: string
  /** Every question so far, as `type name`. */
  readonly questions: string[]
  /** What it does with the next ones. */
  onQuestion: (question: RawQuestion) => void | Promise<void>
}

/** A DNS server over UDP and TCP that does as the test says, however wrong. Silent at first. */
export async function startRawDnsServer(
  options: { address?: string; port?: number } = {},
): Promise<RawDnsServer> {
  const { address = '127.0.0.1', port = await freePort() } = options
  const server: RawDnsServer = {
    address,
    port,
    endpoint: `${address}:${port}`,
    questions: [],
    onQuestion: () => {},
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
  const hear = (
    message: Buffer,
    way: Pick<RawQuestion, 'over' | 'from' | 'send' | 'hangUp'>,
  ): void => {
    const query = packet.decode(message)
    const { name = '', type = '' } = query.questions?.[0] ?? {}
    server.questions.push(`${type} ${name}`)
    server.onQuestion({ ...way, name: name.toLowerCase(), type, query })
  }
  const owned = new AsyncDisposableStack()
  let isOpen = true
  const socket = createSocket('udp4').on('message', (message, from) =>
    hear(message, {
      over: 'udp',
      from,
      // A test may be over before its server has made up its mind.
      send: (reply) => void (isOpen && socket.send(reply, from.port, from.address)),
      hangUp: () => {},
    }),
  )
  socket.bind(port, address)
  await once(socket, 'listening')
  owned.defer(() => {
    isOpen = false
    return new Promise((resolve) => socket.close(() => resolve()))
  })
  owned.use(await listenTcp({ address, port }, hear))
  return server
}

async function listenTcp(
  { address, port }: { address: string; port: number },
  hear: (message: Buffer, way: Pick<RawQuestion, 'over' | 'from' | 'send' | 'hangUp'>) => void,
): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', (data: Buffer) =>
      hear(data.subarray(2), {
        over: 'tcp',
        from: { address: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 },
        send: (reply) => void socket.write(withLength(reply)),
        hangUp: () => void socket.end(),
      }),
    )
  })
  server.listen(port, address)
  await once(server, 'listening')
  return server
}

function withLength(message: Buffer): Buffer {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(message.length)
  return Buffer.concat([length, message])
}

export interface ReplyParts {
  answers?: Answer[]
  authorities?: Answer[]
  additionals?: Answer[]
  rcode?: number
  /** @default AUTHORITATIVE_ANSWER */
  flags?: number
}

/** A reply that fits the question but for what `changes` say. */
export function replyTo(
  { query }: RawQuestion,
  { rcode = 0, flags = packet.AUTHORITATIVE_ANSWER, ...parts }: ReplyParts,
  changes: Partial<Packet> = {},
): Buffer {
  return packet.encode({
    type: 'response',
    id: query.id ?? 0,
    flags: flags | rcode,
    questions: query.questions ?? [],
    ...parts,
    ...changes,
  })
}

export function aRecord(name: string, data: string): Answer {
  return { type: 'A', name, ttl: 60, data }
}

export function nsRecord(name: string, data: string): Answer {
  return { type: 'NS', name, ttl: 60, data }
}

/** A referral to servers of a zone below, with the glue that is given. */
export function referral(zone: string, servers: Record<string, string | undefined>): ReplyParts {
  return {
    flags: 0,
    authorities: Object.keys(servers).map((server) => nsRecord(zone, server)),
    additionals: Object.entries(servers).flatMap(([server, address]) =>
      address === undefined ? [] : [aRecord(server, address)],
    ),
  }
}
