import { readFileSync } from 'node:fs'
import { Agent } from 'node:http'
import { createRequire } from 'node:module'
import { createServer } from 'node:https'
import { join } from 'node:path'

import httpProxy from 'http-proxy'

import { processTree, startPinned, TEST_CORE, waitForPort } from '../processes.ts'
import { NODE } from './node-version.ts'
import type { Opponent, RunningOpponent, Setting } from './opponent.ts'

/** What most write in Node: `https` with http-proxy behind it. It speaks HTTP/1.1 only. */
export const nodeHttpProxy: Opponent = {
  name: 'https + http-proxy',
  protocols: ['http/1.1'],
  async version() {
    const manifest: unknown = createRequire(import.meta.url)('http-proxy/package.json')
    const known = typeof manifest === 'object' && manifest !== null && 'version' in manifest
    return `${known ? String(manifest.version) : 'unknown'} (${NODE})`
  },
  start,
}

async function start(setting: Setting): Promise<RunningOpponent> {
  const args = [import.meta.filename, JSON.stringify(setting)]
  const server = startPinned(process.execPath, ['--disable-warning=DEP0060', ...args], {
    cores: TEST_CORE,
    log: join(setting.directory, 'log'),
  })
  await waitForPort(setting.port, server)
  return {
    ...server,
    port: setting.port,
    ca: setting.certificates.ca,
    processes: () => processTree(server.pid),
  }
}

function serve({ port, originPort, certificates }: Setting): void {
  const { ecdsa, rsa } = certificates
  const proxy = httpProxy.createProxyServer({
    target: { host: '127.0.0.1', port: originPort },
    agent: new Agent({ keepAlive: true, maxFreeSockets: 256 }),
    xfwd: true,
  })
  proxy.on('error', (error) => console.error(error))
  const server = createServer(
    {
      cert: [readFileSync(ecdsa.chainFile), readFileSync(rsa.chainFile)],
      key: [readFileSync(ecdsa.keyFile), readFileSync(rsa.keyFile)],
      keepAliveTimeout: 300_000,
    },
    (request, response) => proxy.web(request, response),
  )
  server.listen({ port, host: '127.0.0.1', backlog: 1024 })
}

if (import.meta.main) serve(JSON.parse(process.argv[2] ?? '{}'))
