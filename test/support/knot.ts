import { execFile } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'

import { ensurePackages, getProgram } from './packages.ts'
import { freePort } from './ports.ts'
import { startProgram } from './program.ts'
import { tempDir } from './temp-dir.ts'

const run = promisify(execFile)

export interface KnotOptions {
  /** Of loopback; servers that share a port need one each. @default 127.0.0.1 */
  address?: string
  /** @default a free one */
  port?: number
  /** As in `setZone`, by name. */
  zones?: Record<string, string>
}

/** A real authoritative server (Knot DNS), of which zones change while it runs. */
export interface Knot extends AsyncDisposable {
  readonly address: string
  readonly port: number
  /** `address:port`. */
  readonly endpoint: string
  /**
   * Makes or replaces a zone by the records of a zone file; names are relative to the zone, times are
   * one minute, and a SOA record is added where there is none. Resolves when it is served. A signed
   * zone is signed again.
   */
  setZone(name: string, text: string): Promise<void>
  removeZone(name: string): Promise<void>
  /** Signs the zone from now on, with the same keys if it was before; its DS records, for the parent. */
  sign(name: string): Promise<string[]>
  /** Serves the signed zone with signatures of its addresses that do not fit. `sign` mends it. */
  breakSignature(name: string): Promise<void>
  /** From now on questions get no answer, until `resume`. */
  pause(): void
  resume(): void
  close(): Promise<void>
}

export async function startKnot(options: KnotOptions = {}): Promise<Knot> {
  await ensurePackages(['knot'])
  await using stack = new AsyncDisposableStack()
  const { path: dir } = stack.use(tempDir())
  const { address = '127.0.0.1', port = await freePort(), zones = {} } = options
  const texts = new Map<string, string>()
  const signed = new Set<string>()
  const configFile = join(dir, 'knot.conf')
  let serial = 1

  const writeConfig = (): void =>
    writeFileSync(configFile, render({ dir, address, port, texts, signed }))
  const knotc = async (...args: string[]): Promise<string> => {
    const program = join(dirname(getProgram('knot')), 'knotc')
    return (await run(program, ['-b', '-s', join(dir, 'knot.sock'), ...args])).stdout
  }
  /** Returns before the zones are loaded. */
  const reconfigure = async (): Promise<void> => {
    writeConfig()
    await knotc('reload')
  }
  /** The file comes first: whoever loads the zone, by whatever cause, finds the new one. */
  const load = async (name: string, text: string, isSigned: boolean): Promise<void> => {
    const isOther = !texts.has(name) || signed.has(name) !== isSigned
    writeFileSync(join(dir, 'zones', fileOf(name)), complete(name, text, serial++))
    texts.set(name, text)
    if (isSigned) signed.add(name)
    else signed.delete(name)
    if (isOther) await reconfigure()
    await knotc('zone-reload', fqdn(name))
  }

  mkdirSync(join(dir, 'zones'))
  writeConfig()
  const program = stack.use(startProgram(getProgram('knot'), ['-c', configFile]))
  await program.whenReady(() => knotc('status'))
  for (const [name, text] of Object.entries(zones)) await load(name, text, false)

  const owned = stack.move()
  let closing: Promise<void> | undefined
  const close = (): Promise<void> => (closing ??= owned.disposeAsync())
  return {
    address,
    port,
    endpoint: `${address}:${port}`,
    setZone: (name, text) => load(name, text, signed.has(name)),
    async removeZone(name) {
      texts.delete(name)
      signed.delete(name)
      rmSync(join(dir, 'zones', fileOf(name)))
      await reconfigure()
    },
    async sign(name) {
      await load(name, texts.get(name) ?? '', true)
      const keymgr = join(dirname(getProgram('knot')), 'keymgr')
      const { stdout } = await run(keymgr, ['-c', configFile, fqdn(name), 'ds'])
      return stdout.trim().split('\n')
    },
    async breakSignature(name) {
      const text = texts.get(name) ?? ''
      const all = await knotc('zone-read', fqdn(name))
      await load(name, spoil(all), false)
      texts.set(name, text)
    },
    pause: () => void process.kill(program.pid, 'SIGSTOP'),
    resume: () => void process.kill(program.pid, 'SIGCONT'),
    close,
    [Symbol.asyncDispose]: close,
  }
}

interface Rendered {
  dir: string
  address: string
  port: number
  texts: ReadonlyMap<string, string>
  signed: ReadonlySet<string>
}

function render({ dir, address, port, texts, signed }: Rendered): string {
  const zones = [...texts.keys()].map((name) =>
    [
      `  - domain: ${fqdn(name)}`,
      `    file: ${join(dir, 'zones', fileOf(name))}`,
      '    zonefile-sync: -1',
      '    journal-content: none',
      '    semantic-checks: off',
      `    dnssec-signing: ${signed.has(name) ? 'on' : 'off'}`,
      '    dnssec-policy: one-key',
    ].join('\n'),
  )
  return `
server:
    rundir: ${dir}
    listen: ${address}@${port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
control:
    listen: knot.sock
database:
    storage: ${dir}
log:
  - target: stderr
    any: warning
policy:
  - id: one-key
    algorithm: ecdsap256sha256
    single-type-signing: on
    cds-cdnskey-publish: none
zone:
${zones.join('\n')}
`
}

function complete(name: string, text: string, serial: number): string {
  const head = `$ORIGIN ${fqdn(name)}\n$TTL 60\n`
  if (/\sSOA\s/.test(text)) return head + text
  return `${head}@ SOA ns hostmaster ${serial} 3600 600 86400 60\n${text}\n`
}

/** The zone as a file, in which signatures of A records begin otherwise. */
function spoil(zoneRead: string): string {
  return zoneRead
    .split('\n')
    .map((line) => line.replace(/^\[[^\]]*\] /, ''))
    .map((line) =>
      line.replace(/^(.* RRSIG A .* )(\S)(\S+)$/, (_, start: string, first: string, rest: string) =>
        [start, first === 'A' ? 'B' : 'A', rest].join(''),
      ),
    )
    .join('\n')
}

function fqdn(name: string): string {
  return name === '' ? '.' : `${name}.`
}

function fileOf(name: string): string {
  return `${name || 'root'}.zone`
}
