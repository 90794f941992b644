import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** An origin over plain HTTP that answers with what it saw, as JSON. */
export interface EchoOrigin extends AsyncDisposable {
  /** `http://localhost:<port>`, as a fallback origin is written. */
  url: string
  /** Requests seen. */
  readonly requests: number
}

export async function startEchoOrigin(): Promise<EchoOrigin> {
  let requests = 0
  const server = createServer((request, response) => {
    requests++
    const { method, url, headers } = request
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ method, url, headers }))
  })
  await new Promise<void>((done) => server.listen(0, 'localhost', done))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://localhost:${port}`,
    get requests() {
      return requests
    },
    [Symbol.asyncDispose]: () =>
      new Promise((done) => {
        server.closeAllConnections()
        server.close(() => done())
      }),
  }
}
