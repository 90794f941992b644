import { createSocket } from 'node:dgram'
import { once } from 'node:events'

import packet, { type DecodedPacket, type Packet, type RecordType } from 'dns-packet'

import type { ListenAddress } from '#lib/listen-address.ts'

/** A query as a resolver sends it; `change` is made to its bytes. */
export function dnsQuery(
  name: string,
  type: RecordType,
  { change, ...more }: Partial<Packet> & { change?: (bytes: Buffer) => void } = {},
): Buffer {
  const bytes = packet.encode({ type: 'query', id: 4711, questions: [{ name, type }], ...more })
  change?.(bytes)
  return bytes
}

export function withLength(message: Uint8Array): Buffer {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(message.length)
  return Buffer.concat([length, message])
}

/** The whole messages in what came by TCP. */
export function messagesIn(bytes: Buffer): DecodedPacket[] {
  const messages: DecodedPacket[] = []
  for (let at = 0; at + 2 <= bytes.length;) {
    const end = at + 2 + bytes.readUInt16BE(at)
    if (end > bytes.length) break
    messages.push(packet.decode(bytes.subarray(at + 2, end)))
    at = end
  }
  return messages
}

/** The lowest four bits of the second half of the flags: a response code by number. */
export const rcodeOf = (message: Buffer): number => message.readUInt16BE(2) & 0x0f

/** A UDP socket that sends bytes to one server and gives what comes back, in order. */
export interface UdpClient extends Disposable {
  send(bytes: Uint8Array): void
  /** The next answer that nobody took. */
  next(): Promise<Buffer>
  /** Answers that nobody took. */
  readonly received: readonly Buffer[]
}

export async function udpClient({ host, port }: ListenAddress): Promise<UdpClient> {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4')
  socket.bind(0, host)
  await once(socket, 'listening')
  const received: Buffer[] = []
  socket.on('message', (message) => received.push(message))
  return {
    received,
    send: (bytes) => socket.send(bytes, port, host),
    async next() {
      if (received.length === 0)
        await once(socket, 'message', { signal: AbortSignal.timeout(10_000) })
      const message = received.shift()
      if (!message) throw new Error('an answer was taken by somebody else')
      return message
    },
    [Symbol.dispose]: () => void socket.close(),
  }
}
