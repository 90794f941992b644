import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import type { Command } from 'commander'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { ConfigError } from '#config/config.ts'
import { fakeClock } from '#test/fake-clock.ts'
import { freePort } from '#test/ports.ts'
import { runCustosCli } from '#test/run-custos-cli.ts'

const TOKEN = 'a-token-for-tests'

/** Answers each request with the JSON (or text) that `answers` has for its path. */
let stub: { url: string; port: number; seen: string[]; close: () => Promise<void> }
const answers = new Map<string, { status: number; body: string }>()
const result = (value: unknown): string =>
  JSON.stringify({ success: true, errors: [], messages: [], result: value })

beforeAll(async () => {
  const seen: string[] = []
  const server = createServer((request, response) => {
    seen.push(`${request.headers.authorization}`)
    const { pathname } = new URL(request.url ?? '', 'http://x')
    const { status, body } = answers.get(pathname) ?? { status: 404, body: 'nothing here' }
    response.writeHead(status, { 'content-type': 'application/json' }).end(body)
  })
  await new Promise<void>((done) => void server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as AddressInfo
  const url = `http://127.0.0.1:${port}`
  const close = (): Promise<void> =>
    new Promise((done) => {
      server.close(() => done())
      server.closeAllConnections()
    })
  stub = { url, port, seen, close }
})
afterAll(() => stub.close())

const zones = '/client/v4/zones'
const hostnames = `${zones}/z/custom_hostnames`
function answerWithHostname(fields: object): void {
  const hostname = { id: 'h', hostname: 'a.customer.com', status: 'pending', ...fields }
  answers.set(zones, { status: 200, body: result([{ id: 'z', name: 'default' }]) })
  answers.set(hostnames, { status: 200, body: result([hostname]) })
  answers.set(`${hostnames}/h`, { status: 200, body: result(hostname) })
}

const custos = (line: string, env: Record<string, string> = {}): ReturnType<typeof runCustosCli> =>
  runCustosCli(line.split(' ').filter(Boolean), { env: { CUSTOS_API_TOKEN: TOKEN, ...env } })

describe('custos', () => {
  it('prints its version and its help, with every exit code', async () => {
    expect(await runCustosCli(['--version'])).toEqual({
      code: 0,
      stdout: '0.0.0-test\n',
      stderr: '',
    })
    const { code, stdout } = await runCustosCli(['--help'])
    expect(code).toBe(0)
    expect(stdout).toContain('hostnames')
    expect(stdout).toMatch(/Exit codes:\n {3}0 {2}done\n {3}1 {2}failed/)
    expect(stdout).toMatch(/\n {2}78 {2}wrong settings\n/)
    const lines = stdout.split('\n')
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80)
  })

  it.each([
    ['', /^Usage: custos/],
    ['hostname list', /unknown command 'hostname'[\s\S]*hostnames/],
    ['hostnames lst', /unknown command 'lst'[\s\S]*list/],
    ['hostnames add', /missing required argument 'hostname'/],
    ['hostnames list --colour', /unknown option '--colour'/],
    ['hostnames list --limit 0', /Must be a whole number from 1/],
    ['hostnames add a.b --metadata [1]', /Must be a JSON object/],
    ['hostnames add a.b --metadata {', /Must be a JSON object/],
    ['hostnames add a.b --method email', /Allowed choices are http, txt/],
    ['hostnames add a.b --wait --timeout 5', /It must be a duration with its unit/],
    ['hostnames list --url ftp://x', /--url must be http:\/\/host\[:port\]/],
    ['hostnames list --url http://user:pw@x', /--url must be/],
  ])('ends with 2 for %j', async (line, message) => {
    const { code, stdout, stderr } = await custos(line)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(message)
  })

  it('runs the commands that main adds, and tells their failures in one line', async () => {
    const processCommands = (program: Command): void => {
      program.command('serve').action(() => {
        throw new Error('Cannot listen on 0.0.0.0:8443:\n address in use')
      })
    }
    expect(await runCustosCli(['serve'], { processCommands })).toEqual({
      code: 1,
      stdout: '',
      stderr: 'custos: Cannot listen on 0.0.0.0:8443:  address in use\n',
    })
    expect((await runCustosCli(['--help'], { processCommands })).stdout).toContain('serve')
  })

  it('ends with 78 and a line for each mistake in the settings', async () => {
    const processCommands = (program: Command): void => {
      program.command('serve').action(() => {
        throw new ConfigError([
          { name: 'CUSTOS_WORKERS', message: 'is wrong' },
          { name: 'edge.https', message: 'is wrong too' },
        ])
      })
    }
    expect(await runCustosCli(['serve'], { processCommands })).toMatchObject({
      code: 78,
      stderr: 'custos: CUSTOS_WORKERS: is wrong\ncustos: edge.https: is wrong too\n',
    })
    expect(await custos('hostnames list', { CUSTOS_CONTROL: 'nonsense' })).toMatchObject({
      code: 78,
    })
  })
})

describe('custos settings', () => {
  it('lists every setting for people, for programs and for the README', async () => {
    const { stdout } = await custos('settings')
    expect(stdout).toMatch(/^VARIABLE +DEFAULT +MEANING\n/)
    expect(stdout).toMatch(/\nCUSTOS_EDGE_HTTPS +0\.0\.0\.0:8443 +Where the edge accepts TLS\n/)
    const json = JSON.parse((await custos('settings --json')).stdout)
    expect(json).toContainEqual({
      variable: 'CUSTOS_EDGE_DRAIN',
      path: 'edge.drain',
      fallback: '30s',
      meaning: 'How long a stopping edge waits for requests',
    })
    const { stdout: markdown } = await custos('settings --markdown')
    expect(markdown).toContain(
      '| `CUSTOS_LOCAL_CA_LEAF_LIFETIME` | `localCa.leafLifetime` | `365d`',
    )
  })
})

describe('the way to the API', () => {
  it('is where CUSTOS_CONTROL says, by loopback where it listens everywhere', async () => {
    answerWithHostname({})
    const { code, stderr } = await custos('hostnames list', {
      CUSTOS_CONTROL: `0.0.0.0:${stub.port}`,
    })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  })

  it('ends with 5 where nobody listens, and asks whether custos serve runs', async () => {
    const port = await freePort()
    expect(await custos('hostnames list', { CUSTOS_CONTROL: `127.0.0.1:${port}` })).toMatchObject({
      code: 5,
      stderr:
        `custos: Cannot reach the API at http://127.0.0.1:${port}: connect ECONNREFUSED ` +
        `127.0.0.1:${port} (is \`custos serve\` running there? --url says where the API is)\n`,
    })
  })

  it('ends with 5 after half a minute without an answer', async () => {
    const clock = fakeClock()
    const never: typeof fetch = (_, init) =>
      new Promise((_, reject) => {
        init?.signal?.addEventListener('abort', () => reject(init.signal?.reason))
      })
    const argv = ['hostnames', 'list', '--url', stub.url]
    const env = { CUSTOS_API_TOKEN: TOKEN }
    const run = runCustosCli(argv, { env, fetch: never, clock })
    await clock.advance(30_000)
    expect(await run).toMatchObject({
      code: 5,
      stderr: expect.stringContaining('no answer in 30 s'),
    })
  })

  it('says so when something else answers there', async () => {
    answers.set(zones, { status: 200, body: '<html>' })
    expect(await custos('hostnames list', { CUSTOS_CONTROL: `127.0.0.1:${stub.port}` })).toEqual({
      code: 1,
      stdout: '',
      stderr:
        `custos: http://127.0.0.1:${stub.port}/client/v4 does not answer like a Custos API ` +
        '(status 200) (does --url, or CUSTOS_CONTROL, lead there?)\n',
    })
    answers.set(zones, { status: 200, body: result([{ name: 'no id' }]) })
    expect((await custos(`hostnames list --url ${stub.url}/`)).code).toBe(1)
  })

  it('ends with 4 where the token is refused, and tells where it came from', async () => {
    const errors = [{ code: 10000, message: 'Authentication error' }]
    answers.set(zones, { status: 401, body: JSON.stringify({ success: false, errors }) })
    expect(await custos(`hostnames list --url ${stub.url}`)).toMatchObject({
      code: 4,
      stderr: 'custos: Authentication error (10000) (the token came from CUSTOS_API_TOKEN)\n',
    })
  })
})

describe('the token', () => {
  let directory: string
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'custos-cli-'))
    await writeFile(join(directory, 'api-token'), 'from-data-dir\n')
    await writeFile(join(directory, 'other'), 'from-file\n')
    await writeFile(join(directory, 'empty'), '\n')
  })
  afterAll(() => rm(directory, { recursive: true, force: true }))

  it.each([
    ['--token-file FILE', 'CUSTOS_API_TOKEN', 'from-file'],
    ['', 'CUSTOS_API_TOKEN', 'from-environment'],
    ['', '', 'from-data-dir'],
  ])('comes from the option, the environment, then the data directory (%s)', async (...given) => {
    const [option, variable, expected] = given
    answerWithHostname({})
    const env = {
      CUSTOS_DATA_DIR: directory,
      ...(variable && { [variable]: 'from-environment' }),
    }
    const extra = option.replace('FILE', join(directory, 'other')).split(' ').filter(Boolean)
    const argv = ['hostnames', 'list', '--url', stub.url, ...extra]
    expect((await runCustosCli(argv, { env })).code).toBe(0)
    expect(stub.seen.at(-1)).toBe(`Bearer ${expected}`)
  })

  it('is missed in one line that says how to give it', async () => {
    const hint = '(give the token by --token-file or CUSTOS_API_TOKEN, or set CUSTOS_DATA_DIR)'
    const missing = join(directory, 'missing')
    const none = await runCustosCli(['hostnames', 'list'], { env: { CUSTOS_DATA_DIR: missing } })
    expect(none.code).toBe(4)
    expect(none.stderr).toContain('custos: Cannot read the API token: ENOENT')
    expect(none.stderr).toContain(hint)
    const argv = ['hostnames', 'list', '--token-file', join(directory, 'empty')]
    expect(await runCustosCli(argv)).toMatchObject({
      code: 4,
      stderr: `custos: Cannot use the API token: ${join(directory, 'empty')} holds none ${hint}\n`,
    })
  })
})

describe('what the API says', () => {
  it('cannot steer the terminal', async () => {
    answerWithHostname({
      hostname: 'a\u001B]0;owned\u0007.com',
      verification_errors: ['\u001B[2Jgone\u009B31m'],
    })
    const { stdout } = await custos(`hostnames show a.customer.com --url ${stub.url}`)
    // oxlint-disable-next-line no-control-regex -- what must not be there
    expect(stdout).not.toMatch(/[\u0000-\u0009\u000B-\u001F\u007F-\u009F]/)
    expect(stdout).toContain('gone')
  })

  it('ends a wait at once where only the customer can help', async () => {
    answerWithHostname({
      status: 'moved',
      verification_errors: ['custom hostname does not CNAME to this zone.'],
    })
    const line = `hostnames refresh a.customer.com --wait --url ${stub.url}`
    expect(await custos(line)).toEqual({
      code: 1,
      stdout: '',
      stderr:
        '[0 s] moved; custom hostname does not CNAME to this zone.\n' +
        'custos: a.customer.com waits for you: moved; custom hostname does not CNAME to this ' +
        'zone. (then: custos hostnames refresh a.customer.com)\n',
    })
  })
})
