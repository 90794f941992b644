import { readFileSync } from 'node:fs'

import { startHttpEdge } from './http-edge.ts'

/**
 * An edge in a process of its own, for tests that measure its memory. Arguments: the origin's port
 * and, to speak TLS, files with certificate and key. Answers each message with its memory.
 */
const [port, certFile, keyFile] = process.argv.slice(2)
const edge = await startHttpEdge({
  origin: { scheme: 'http', host: '127.0.0.1', port: Number(port), serverName: undefined },
  ...(certFile &&
    keyFile && {
      tls: { certPem: readFileSync(certFile, 'utf8'), keyPem: readFileSync(keyFile, 'utf8') },
    }),
})
process.send?.({ plainPort: edge.plainPort, tlsPort: edge.tlsPort })
process.on('message', () => process.send?.({ rss: process.memoryUsage.rss() }))
process.on('disconnect', () => process.exit())
