/**
 * `npm run demo`: everything on this machine, from nothing to a served hostname.
 *
 * Starts Custos as an operator would (`custos serve`, one process tree, settings by environment), a
 * small origin that stands for the SaaS application, then does what the SaaS company's backend does:
 * creates a custom hostname with the official SDK and waits until it is served.
 */
import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { parseArgs } from 'node:util'

import Cloudflare from 'cloudflare'

import { startDemoOrigin } from './origin.ts'
import { createScreen } from './screen.ts'

const HOSTNAME = 'demo.localhost'
const ACTIVATION_LIMIT_MS = 60_000
const POLL_MS = 200

const { values: flags } = parseArgs({
  options: {
    /** Ends after the hostname is served, instead of running until Ctrl-C. */
    once: { type: 'boolean', default: false },
  },
})

const main = resolve(import.meta.dirname, '../src/main.ts')
const settings = readSettings(process.env)
const screen = createScreen(process.stdout)

/** The settings that matter here, with the defaults of `custos serve`. */
function readSettings(env: NodeJS.ProcessEnv): Settings {
  const port = (value: string): string => value.slice(value.lastIndexOf(':') + 1)
  return {
    dataDir: resolve(env['CUSTOS_DATA_DIR'] ?? './data'),
    httpsPort: port(env['CUSTOS_EDGE_HTTPS'] ?? '0.0.0.0:8443'),
    httpPort: port(env['CUSTOS_EDGE_HTTP'] ?? '0.0.0.0:8080'),
    control: env['CUSTOS_CONTROL'] ?? '127.0.0.1:8787',
    apiToken: env['CUSTOS_API_TOKEN'],
  }
}

interface Settings {
  dataDir: string
  httpsPort: string
  httpPort: string
  control: string
  apiToken: string | undefined
}

async function run(): Promise<void> {
  screen.title('Custos: from a clone to a served hostname')
  await using origin = await startDemoOrigin()
  screen.done(`The SaaS application (a demo origin) listens on ${origin.url}`)

  await using custos = startCustos()
  await untilReady(custos)
  const { httpsPort, httpPort, control } = settings
  screen.done(`Custos is up: edge on :${httpsPort} and :${httpPort}, API on ${control}`)
  await createHostname(await createClient(), origin.url)
  screen.say(linesToTry())
  if (!flags.once) await custos.ended
}

interface CustosProcess extends AsyncDisposable {
  /** Aborted when it ended, with the reason. */
  readonly signal: AbortSignal
  readonly ended: Promise<void>
}

/** The names under .localhost are this machine, so validation asks the edge's own port 80. */
function startCustos(): CustosProcess {
  const env = {
    CUSTOS_LOG_LEVEL: 'warn',
    ...process.env,
    CUSTOS_ALLOW_RESERVED_TLDS: 'true',
    CUSTOS_VALIDATION_HTTP_PORT: settings.httpPort,
  }
  const child = spawn(process.execPath, [main, 'serve'], {
    env,
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  const end = new AbortController()
  const ended = new Promise<void>((done) => {
    child.once('exit', (code, signal) => {
      end.abort(new Error(`Custos ended (${signal ?? `exit code ${code}`})`))
      done()
    })
  })
  // Ctrl-C reaches the whole process group; a signal to the demo alone is passed on.
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.on(signal, () => child.kill('SIGTERM'))
  return {
    signal: end.signal,
    ended,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM')
      await ended
    },
  }
}

/** Who answers must be ours: with the ports taken by another one, ours ends. */
async function untilReady({ signal }: CustosProcess): Promise<void> {
  for (let answers = 0; answers < 2; await pause(POLL_MS)) {
    signal.throwIfAborted()
    const answer = await fetch(`http://${settings.control}/readyz`).catch(() => undefined)
    if (answer?.ok) answers++
  }
  signal.throwIfAborted()
}

async function createClient(): Promise<Cloudflare> {
  const apiToken =
    settings.apiToken ?? (await readFile(join(settings.dataDir, 'api-token'), 'utf8')).trim()
  return new Cloudflare({ apiToken, baseURL: `http://${settings.control}/client/v4` })
}

async function createHostname(client: Cloudflare, originUrl: string): Promise<void> {
  const [zone] = (await client.zones.list()).result
  if (!zone) throw new Error('Custos has no zone: was the data directory emptied while it ran?')
  const zone_id = zone.id
  await client.customHostnames.fallbackOrigin.update({ zone_id, origin: originUrl })
  screen.done(`Zone ${zone.name}: its fallback origin is the demo origin`)

  const startedAt = performance.now()
  const known = (await client.customHostnames.list({ zone_id, hostname: { exact: HOSTNAME } }))
    .result[0]
  const ssl = { method: 'http', type: 'dv' } as const
  const created =
    known ?? (await client.customHostnames.create({ zone_id, hostname: HOSTNAME, ssl }))
  screen.done(
    `Custom hostname ${HOSTNAME} ${known ? 'is there already' : 'created with the official SDK'}`,
  )
  await untilActive(client, { zone_id, id: created.id })
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
  screen.done(`Proved, certified (ECDSA and RSA) and served after ${seconds} s`)
}

async function untilActive(
  client: Cloudflare,
  key: { zone_id: string; id: string },
): Promise<void> {
  let last = ''
  const deadline = performance.now() + ACTIVATION_LIMIT_MS
  while (performance.now() < deadline) {
    const hostname = await client.customHostnames.get(key.id, { zone_id: key.zone_id })
    const seen = `hostname ${hostname.status}, certificate ${hostname.ssl?.status}`
    if (seen !== last) screen.step((last = seen))
    if (hostname.status === 'active' && hostname.ssl?.status === 'active') return
    await pause(POLL_MS)
  }
  throw new Error(`${HOSTNAME} was not active within ${ACTIVATION_LIMIT_MS / 1000} s: ${last}`)
}

function linesToTry(): string[] {
  const { httpsPort, httpPort, control } = settings
  const roots = relative(process.cwd(), join(settings.dataDir, 'local-ca.pem'))
  const token = relative(process.cwd(), join(settings.dataDir, 'api-token'))
  return [
    '',
    'Try it:',
    `  curl --cacert ${roots} https://${HOSTNAME}:${httpsPort}/`,
    `  curl --cacert ${roots} --http1.1 -i https://${HOSTNAME}:${httpsPort}/hello`,
    `  curl -i http://${HOSTNAME}:${httpPort}/`,
    '',
    'Both certificates:',
    `  openssl s_client -connect localhost:${httpsPort} -servername ${HOSTNAME} -CAfile ${roots} </dev/null`,
    `  openssl s_client -connect localhost:${httpsPort} -servername ${HOSTNAME} -CAfile ${roots} \\`,
    '    -sigalgs rsa_pss_rsae_sha256 </dev/null',
    '',
    'The API (the same paths and fields as Cloudflare’s), its documentation, and the numbers:',
    `  curl -H "Authorization: Bearer $(cat ${token})" http://${control}/client/v4/zones`,
    `  http://${control}/docs`,
    `  http://${control}/metrics`,
    '',
    'From the command line:',
    `  npm run custos -- hostnames list`,
    '',
    'Ctrl-C ends everything.',
    '',
  ]
}

function pause(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms))
}

run().catch((error: unknown) => {
  screen.fail(error instanceof Error ? error.message : String(error))
  process.exitCode = 1
})
