import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { getProgram } from '#test/packages.ts'

import { processTree, runToEnd, startPinned, TEST_CORE, waitForPort } from '../processes.ts'
import type { Opponent, RunningOpponent, Setting } from './opponent.ts'

export const caddy: Opponent = {
  name: 'Caddy',
  packageName: 'caddy',
  protocols: ['http/1.1', 'h2'],
  async version() {
    const program = getProgram('caddy')
    const { stdout: version } = await runToEnd(program, ['version'])
    const { stdout: build } = await runToEnd(program, ['build-info'])
    return `${/\d+(?:\.\d+)+/.exec(version)?.[0]} (Go ${/go(\d+(?:\.\d+)+)/.exec(build)?.[1]})`
  },
  start,
}

async function start(setting: Setting): Promise<RunningOpponent> {
  const file = join(setting.directory, 'caddy.json')
  writeFileSync(file, JSON.stringify(configuration(setting)))
  const server = startPinned(getProgram('caddy'), ['run', '--config', file], {
    cores: TEST_CORE,
    log: join(setting.directory, 'log'),
    env: {
      GOMAXPROCS: '1',
      XDG_CONFIG_HOME: setting.directory,
      XDG_DATA_HOME: setting.directory,
    },
  })
  await waitForPort(setting.port, server)
  return {
    ...server,
    port: setting.port,
    ca: setting.certificates.ca,
    processes: () => processTree(server.pid),
  }
}

function configuration({ port, originPort, certificates }: Setting): object {
  const load = [certificates.ecdsa, certificates.rsa].map(({ chainFile, keyFile }) => ({
    certificate: chainFile,
    key: keyFile,
  }))
  const proxy = {
    handler: 'reverse_proxy',
    upstreams: [{ dial: `127.0.0.1:${originPort}` }],
    transport: {
      protocol: 'http',
      compression: false,
      keep_alive: { enabled: true, max_idle_conns_per_host: 256, idle_timeout: '300s' },
    },
  }
  return {
    admin: { disabled: true, config: { persist: false } },
    logging: { logs: { default: { level: 'WARN' } } },
    apps: {
      tls: { certificates: { load_files: load } },
      http: {
        servers: {
          edge: {
            listen: [`127.0.0.1:${port}`],
            protocols: ['h1', 'h2'],
            automatic_https: { disable: true },
            idle_timeout: '300s',
            tls_connection_policies: [{ alpn: ['h2', 'http/1.1'] }],
            routes: [{ handle: [proxy] }],
          },
        },
      },
    },
  }
}
