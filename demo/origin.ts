import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface DemoOrigin extends AsyncDisposable {
  /** `http://localhost:<port>`, as a fallback origin is written. */
  url: string
}

/** Stands for the SaaS application: says what reached it, for any path. */
export async function startDemoOrigin(): Promise<DemoOrigin> {
  const server = createServer((request, response) => {
    const text = [
      `Hello from the SaaS application.`,
      '',
      `You asked for   ${request.headers['x-forwarded-proto'] ?? 'http'}://${request.headers.host}${request.url}`,
      `You came from   ${request.headers['x-forwarded-for'] ?? request.socket.remoteAddress}`,
      `Your request    ${request.headers['x-request-id'] ?? '-'}`,
      '',
    ].join('\n')
    response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' }).end(text)
  })
  await new Promise<void>((done, fail) => {
    server.once('error', fail)
    server.listen(0, 'localhost', done)
  })
  const { port } = server.address() as AddressInfo
  return {
    url: `http://localhost:${port}`,
    [Symbol.asyncDispose]: () =>
      new Promise((done) => {
        server.closeAllConnections()
        server.close(() => done())
      }),
  }
}
