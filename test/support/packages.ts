import { execFile } from 'node:child_process'
import { accessSync, constants, globSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Debian's packages that tests may ask for, and the program that shows that one is there. */
const PROGRAMS = {
  'bind9-dnsutils': 'dig',
  caddy: 'caddy',
  chromium: 'chromium',
  curl: 'curl',
  faketime: 'faketime',
  haproxy: 'haproxy',
  knot: 'knotd',
  'nghttp2-client': 'h2load',
  nginx: 'nginx',
  openssl: 'openssl',
  pebble: 'pebble',
  postgresql: '/usr/lib/postgresql/*/bin/postgres',
  'redis-server': 'redis-server',
  unbound: 'unbound',
} as const

export type PackageName = keyof typeof PROGRAMS

/**
 * Sees to it that the programs of these packages are there: installs what is missing with apt-get
 * where it may (Debian, root). One apt-get at a time on the machine, whoever calls.
 *
 * @throws where a program is missing and cannot be installed, with what to do: never a reason to skip
 */
export async function ensurePackages(names: readonly PackageName[]): Promise<void> {
  const missing = missingOf(names)
  if (missing.length === 0) return
  if (process.platform !== 'linux' || process.getuid?.() !== 0 || !findOnPath('apt-get')) {
    throw new Error(`Missing programs: install them with: ${installLine(missing)}`)
  }
  await install(missing)
  const still = missingOf(missing)
  if (still.length > 0) {
    throw new Error(`Still missing after apt-get install: try: ${installLine(still)}`)
  }
}

/** Absolute path of the program of a package. @throws where it is not installed */
export function getProgram(name: PackageName): string {
  const path = findProgram(name)
  if (!path) throw new Error(`${name} is not installed: ${installLine([name])}`)
  return path
}

function missingOf(names: readonly PackageName[]): PackageName[] {
  return names.filter((name) => !findProgram(name))
}

function installLine(names: readonly PackageName[]): string {
  return `apt-get install --no-install-recommends ${names.join(' ')}`
}

function findProgram(name: PackageName): string | undefined {
  const program = PROGRAMS[name]
  return program.startsWith('/') ? globSync(program).sort().at(-1) : findOnPath(program)
}

/** Servers live in sbin, which is not on everybody's PATH. */
function findOnPath(program: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
  return folders.map((folder) => join(folder, program)).find(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/**
 * Exit code 101 of policy-rc.d forbids the packages to start their services: the tests start their
 * own, and a system-wide redis or nginx would only hold the well-known port. On a machine whose
 * package lists are missing or old the first attempt fails, hence the update between.
 */
const INSTALL = `
set -e
export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  trap 'rm -f $policy' EXIT INT TERM
  printf '#!/bin/sh\\nexit 101\\n' > $policy
  chmod 755 $policy
fi
install() {
  apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=300 "$@"
}
install "$@" || { apt-get update -q; install "$@"; }
`

async function install(names: readonly PackageName[]): Promise<void> {
  process.stderr.write(`Installing for the tests: ${names.join(' ')}\n`)
  const lock = join(tmpdir(), 'custos-test-apt.lock')
  try {
    await run('flock', [lock, 'sh', '-c', INSTALL, 'install', ...names], {
      maxBuffer: 64 * 1024 * 1024,
    })
  } catch (cause) {
    throw new Error(`Cannot install: try: ${installLine(names)}`, { cause })
  }
}
