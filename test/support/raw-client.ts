import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** A TCP client that sends what it is told and remembers what came. */
export interface RawClient extends Disposable {
  readonly socket: Socket
  received(): Buffer
  /** Resolves when the connection is closed, however that happened. */
  readonly closed: Promise<void>
  send(bytes: Uint8Array | string): void
}

export async function rawClient(port: number): Promise<RawClient> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  socket.on('error', () => {})
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  await once(socket, 'connect')
  return {
    socket,
    received: () => Buffer.concat(chunks),
    closed,
    send: (bytes) => void socket.write(bytes),
    [Symbol.dispose]: () => void socket.destroy(),
  }
}
