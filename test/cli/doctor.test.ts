import { stripVTControlCharacters } from 'node:util'

import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import type { Diagnosis } from '#control/diagnosis/diagnosis.ts'
import { API_TOKEN, startApi, ZONE_ID, type ApiServer } from '#test/api-server.ts'
import { aName } from '#test/fake-authority.ts'
import { NOON } from '#test/records.ts'
import { runCustosCli, type CliRun, type CliSetting } from '#test/run-custos-cli.ts'

const H = aName('app.customer.com')
const WRONG: Diagnosis = {
  hostname: H,
  at: NOON,
  status: 'wrong',
  summary: `${H} has the A record 198.51.100.9, which is not this service: remove it and add ${H} CNAME customers.saas.com.`,
  checks: [
    { name: 'dns', status: 'ok', expected: 'x', seen: [], sentence: `${H} leads to 198.51.100.9.` },
    {
      name: 'target',
      status: 'wrong',
      expected: `${H} CNAME customers.saas.com`,
      seen: [{ server: 'ns1.customer.com (203.0.113.1)', answer: '198.51.100.9' }],
      since: NOON,
      sentence: `${H} has the A record 198.51.100.9, which is not this service: remove it and add ${H} CNAME customers.saas.com.`,
    },
    { name: 'dnssec', status: 'unknown', expected: 'x', seen: [], sentence: 'Not known.' },
    { name: 'certificate', status: 'waiting', expected: 'x', seen: [], sentence: 'At work.' },
  ],
}

let api: ApiServer
let diagnosis: Diagnosis
beforeEach(async () => {
  diagnosis = WRONG
  api = await startApi({ deps: { diagnose: async () => diagnosis } })
  await api.client.customHostnames.create({ zone_id: ZONE_ID, hostname: H })
})
afterEach(() => api[Symbol.asyncDispose]())

const doctor = (args: string, setting: CliSetting = {}): Promise<CliRun> =>
  runCustosCli(['doctor', ...args.split(' '), '--url', api.url], {
    ...setting,
    env: { CUSTOS_API_TOKEN: API_TOKEN, ...setting.env },
  })

describe('custos doctor', () => {
  it('lists what it looked at, what is wrong at length, and what to do last', async () => {
    const { code, stdout, stderr } = await doctor(H)
    expect({ code, stderr }).toEqual({
      code: 7,
      stderr: `custos: ${H} is not well: 1 check is wrong\n`,
    })
    expect(stdout).toBe(`app.customer.com  2026-11-23 00:00 UTC

  ok      dns          app.customer.com leads to 198.51.100.9.
  wrong   target       app.customer.com has the A record 198.51.100.9, which is not this service: remove it and add app.customer.com CNAME customers.saas.com. (since 2026-11-23 00:00 UTC)
                       expected: app.customer.com CNAME customers.saas.com
                       ns1.customer.com (203.0.113.1): 198.51.100.9
  unknown dnssec       Not known.
  waiting certificate  At work.

Next: app.customer.com has the A record 198.51.100.9, which is not this service: remove it and add app.customer.com CNAME customers.saas.com.
`)
  })

  it('draws marks where the terminal can, and fits it', async () => {
    const env = { LANG: 'en_US.UTF-8' }
    const { stdout } = await doctor(H, { terminal: 80, env })
    expect(stdout).toContain('\u001B[31m✗\u001B[39m target')
    const lines = stripVTControlCharacters(stdout).split('\n')
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80)
    const ascii = await doctor(H, { terminal: 80, env: { LANG: 'C', NO_COLOR: '1' } })
    expect(ascii.stdout).toContain('  wrong   target')
    expect(ascii.stdout).not.toContain('\u001B')
  })

  it('prints the API’s own object for programs', async () => {
    const { code, stdout } = await doctor(`${H} --json`)
    expect(code).toBe(7)
    expect(JSON.parse(stdout)).toMatchObject({
      hostname: H,
      status: 'wrong',
      checks: [{}, {}, {}, {}],
    })
  })

  it.each([
    ['ok', 0, ''],
    ['waiting', 8, `custos: ${H} is on its way\n`],
  ] as const)('ends %s with exit code %i', async (status, code, stderr) => {
    diagnosis = { ...WRONG, status, summary: 'A sentence.' }
    const run = await doctor(H)
    expect(run).toMatchObject({ code, stderr })
    expect(run.stdout.endsWith('\n\nA sentence.\n')).toBe(true)
  })

  it('says of a name that nobody created how to create it', async () => {
    expect(await doctor('other.customer.com')).toEqual({
      code: 3,
      stdout: '',
      stderr:
        'custos: other.customer.com is not created in zone saas.com yet (create it: custos hostnames add other.customer.com)\n',
    })
  })

  it('shows nothing that could move the cursor', async () => {
    diagnosis = { ...WRONG, summary: 'a\u001B[2Jb', checks: [] }
    expect((await doctor(H)).stdout).not.toContain('\u001B')
  })
})
