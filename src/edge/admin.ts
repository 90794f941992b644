import { createServer, type Server, type ServerResponse } from 'node:http'

import type { ListenAddress } from '#config/config.ts'

import { listen } from './listen.ts'

/** `/healthz`, `/readyz` and `/metrics` of a process that is only an edge. */
export interface EdgeAdmin extends AsyncDisposable {
  readonly address: ListenAddress
  close(): Promise<void>
}

export interface EdgeAdminOptions {
  address: ListenAddress
  /** Sentences; empty when ready. */
  listProblems(): readonly string[]
  /** In the Prometheus text format. */
  metrics(): Promise<string>
}

/** Nothing that is asked here is larger. */
const MAX_HEAD_BYTES = 8 * 1024
const REQUEST_MS = 10_000

/** @throws {ListenError} */
export async function startEdgeAdmin(options: EdgeAdminOptions): Promise<EdgeAdmin> {
  const server = createServer(
    { maxHeaderSize: MAX_HEAD_BYTES, requestTimeout: REQUEST_MS },
    (request, response) => void answer(request.url ?? '', response, options),
  )
  const address = await listen(server, options.address, { reusePort: false })
  let closing: Promise<void> | undefined
  const close = (): Promise<void> => (closing ??= closeServer(server))
  return { address, close, [Symbol.asyncDispose]: close }
}

async function answer(
  url: string,
  response: ServerResponse,
  options: EdgeAdminOptions,
): Promise<void> {
  try {
    switch (url.split('?', 1)[0]) {
      case '/healthz':
        return send(response, 200, 'ok\n')
      case '/readyz': {
        const problems = options.listProblems()
        return send(response, problems.length === 0 ? 200 : 503, `${problems.join('\n') || 'ok'}\n`)
      }
      case '/metrics':
        return send(response, 200, await options.metrics())
      default:
        return send(response, 404, 'Here are /healthz, /readyz and /metrics.\n')
    }
  } catch {
    send(response, 500, 'Cannot measure.\n')
  }
}

function send(response: ServerResponse, status: number, text: string): void {
  response
    .writeHead(status, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' })
    .end(text)
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
