import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { getProgram } from '#test/packages.ts'

import { processTree, runToEnd, startPinned, TEST_CORE, waitForPort } from '../processes.ts'
import type { Opponent, RunningOpponent, Setting } from './opponent.ts'

export const haproxy: Opponent = {
  name: 'HAProxy',
  packageName: 'haproxy',
  protocols: ['http/1.1', 'h2'],
  async version() {
    const { stdout } = await runToEnd(getProgram('haproxy'), ['-vv'])
    const openssl = /Running on OpenSSL version : (OpenSSL \S+)/.exec(stdout)?.[1]
    return `${/version (\d+(?:\.\d+)*)/.exec(stdout)?.[1]} (${openssl})`
  },
  start,
}

async function start(setting: Setting): Promise<RunningOpponent> {
  const file = join(setting.directory, 'haproxy.cfg')
  writeBundle(setting)
  writeFileSync(file, configuration(setting))
  const server = startPinned(getProgram('haproxy'), ['-db', '-f', file], {
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

/** `crt x.pem` loads x.pem.ecdsa and x.pem.rsa as one bundle, keys beside them as `.key`. */
function writeBundle({ directory, certificates }: Setting): void {
  for (const algorithm of ['ecdsa', 'rsa'] as const) {
    const { chainFile, keyFile } = certificates[algorithm]
    const bundle = join(directory, `bundle.pem.${algorithm}`)
    copyFileSync(chainFile, bundle)
    writeFileSync(bundle, `\n${readFileSync(keyFile, 'utf8')}`, { flag: 'a' })
  }
}

function configuration({ port, originPort, directory }: Setting): string {
  return `
global
  nbthread 1
  maxconn 8192
  ssl-default-bind-options ssl-min-ver TLSv1.2
defaults
  mode http
  timeout connect 5s
  timeout client 300s
  timeout server 300s
  http-reuse always
frontend edge
  bind 127.0.0.1:${port} ssl crt ${directory}/bundle.pem alpn h2,http/1.1 backlog 1024
  option forwardfor
  http-request set-header X-Forwarded-Proto https
  default_backend origin
backend origin
  server origin 127.0.0.1:${originPort}
`
}
