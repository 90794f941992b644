import { createServer, type Socket } from 'node:net'

/**
 * The origin behind every opponent: `node bench/origin.ts <port>`. Plain sockets and ready-made
 * bytes, so that it takes as little as possible of the core that it shares with the load generator.
 * It believes its clients (requests without bodies, from the proxies under test only).
 */
export const SMALL_BODY = `${'custos bench '.repeat(8).slice(0, 99)}\n`
export const LARGE_BODY = Buffer.alloc(1024 * 1024, '0123456789abcdef')
export const ORIGIN_HEADER = { name: 'x-bench-origin', value: 'yes' }

const END_OF_HEAD = '\r\n\r\n'
const answers = {
  '/small': answer('text/plain', Buffer.from(SMALL_BODY)),
  '/large': answer('application/octet-stream', LARGE_BODY),
}

function answer(type: string, body: Buffer): Buffer {
  const head = [
    'HTTP/1.1 200 OK',
    `content-type: ${type}`,
    `content-length: ${body.length}`,
    'cache-control: no-store',
    `${ORIGIN_HEADER.name}: ${ORIGIN_HEADER.value}`,
  ].join('\r\n')
  return Buffer.concat([Buffer.from(head + END_OF_HEAD), body])
}

function answerTo(head: string): Buffer {
  const path = head.slice(head.indexOf(' ') + 1, head.indexOf(' HTTP/'))
  if (path === '/small' || path === '/large') return answers[path]
  // Anything else shows what arrived, for the check that all opponents send on the same.
  return answer('text/plain', Buffer.from(head))
}

function serve(socket: Socket): void {
  let pending = ''
  socket.setNoDelay(true)
  socket.on('error', () => socket.destroy())
  socket.on('data', (chunk) => {
    pending += chunk.toString('latin1')
    for (let end = pending.indexOf(END_OF_HEAD); end >= 0; end = pending.indexOf(END_OF_HEAD)) {
      socket.write(answerTo(pending.slice(0, end)))
      pending = pending.slice(end + END_OF_HEAD.length)
    }
    if (pending.length > 65_536) socket.destroy()
  })
}

if (import.meta.main) {
  createServer(serve).listen({ port: Number(process.argv[2]), host: '127.0.0.1', backlog: 1024 })
}
