import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { ensurePackages, getProgram } from './packages.ts'
import { freePort } from './ports.ts'
import { startProgram } from './program.ts'
import { tempDir } from './temp-dir.ts'

const run = promisify(execFile)

export interface UnboundOptions {
  /** Where it finds each zone, `address:port` by the zone's name: it would look at port 53 only. */
  zones: Record<string, string>
  /** DS records of the zones that it believes in. @default none: it validates nothing */
  trustAnchors?: readonly string[]
}

/** A real recursive server (Unbound) that validates signatures and caches as it does in the world. */
export interface Unbound extends AsyncDisposable {
  /** `127.0.0.1:port`. */
  readonly address: string
  /** Forgets all that it cached. */
  flush(): Promise<void>
  close(): Promise<void>
}

export async function startUnbound(options: UnboundOptions): Promise<Unbound> {
  await ensurePackages(['unbound'])
  await using stack = new AsyncDisposableStack()
  const { path: dir } = stack.use(tempDir())
  const port = await freePort()
  const configFile = join(dir, 'unbound.conf')
  writeFileSync(configFile, render({ dir, port, ...options }))
  const program = stack.use(startProgram(getProgram('unbound'), ['-d', '-p', '-c', configFile]))
  const control = async (...args: string[]): Promise<void> =>
    void (await run(`${getProgram('unbound')}-control`, ['-c', configFile, ...args]))
  await program.whenReady(() => control('status'))

  const owned = stack.move()
  let closing: Promise<void> | undefined
  const close = (): Promise<void> => (closing ??= owned.disposeAsync())
  return {
    address: `127.0.0.1:${port}`,
    flush: () => control('flush_zone', '.'),
    close,
    [Symbol.asyncDispose]: close,
  }
}

function render({
  dir,
  port,
  zones,
  trustAnchors = [],
}: UnboundOptions & { dir: string; port: number }): string {
  const stubs = Object.entries(zones).map(
    ([name, endpoint]) =>
      `stub-zone:\n  name: "${name}."\n  stub-addr: ${endpoint.replace(':', '@')}\n  stub-no-cache: no\n`,
  )
  return `
server:
  interface: 127.0.0.1
  port: ${port}
  access-control: 127.0.0.0/8 allow
  directory: "${dir}"
  chroot: ""
  username: ""
  pidfile: ""
  use-syslog: no
  logfile: ""
  num-threads: 1
  do-not-query-localhost: no
  do-ip6: no
  module-config: "${trustAnchors.length > 0 ? 'validator ' : ''}iterator"
  local-zone: "test." nodefault
${trustAnchors.map((anchor) => `  trust-anchor: "${anchor}"`).join('\n')}
remote-control:
  control-enable: yes
  control-interface: ${dir}/unbound.sock
  control-use-cert: no
${stubs.join('')}`
}
