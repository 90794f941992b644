import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { parseHostname } from '#domain/hostname.ts'
import { API_TOKEN, startApi, type ApiServer } from '#test/api-server.ts'
import { runCustosCli, type CliRun, type CliSetting } from '#test/run-custos-cli.ts'
import { waitUntil } from '#test/wait.ts'

const DOMAIN = parseHostname('customer.com')

let api: ApiServer
beforeEach(async () => {
  api = await startApi()
})
afterEach(() => api[Symbol.asyncDispose]())

const custos = (words: readonly string[], setting: CliSetting = {}): Promise<CliRun> =>
  runCustosCli([...words, '--url', api.url], {
    ...setting,
    env: { CUSTOS_API_TOKEN: API_TOKEN, ...setting.env },
  })
const holds = (line: string, setting: CliSetting = {}): Promise<CliRun> =>
  custos(['holds', ...line.split(' ')], setting)

async function enforce(): Promise<void> {
  const hold = await api.store.holds.findUnenforced()
  if (hold) await api.store.holds.noteEnforced(hold, Date.UTC(2026, 10, 23))
}

describe('custos holds add', () => {
  it('holds a domain and says what happens', async () => {
    expect(await holds('add Customer.com')).toEqual({
      code: 0,
      stdout:
        'customer.com and all below it is held; hostnames that were there are being blocked\n',
      stderr: '',
    })
    const hold = await api.store.holds.find(DOMAIN)
    expect(hold).toMatchObject({ includeSubdomains: true, reason: undefined })
  })

  it('sends everything that the options say', async () => {
    const words = ['holds', 'add', 'customer.com', '--reason', 'ticket 7', '--no-subdomains']
    const { stdout } = await custos([...words, '--json'])
    const said = { domain: 'customer.com', reason: 'ticket 7', include_subdomains: false }
    expect(JSON.parse(stdout)).toMatchObject(said)
  })

  it('waits until all is blocked', async () => {
    const run = holds('add customer.com --wait')
    await waitUntil('the hold is there and then enforced', async () => {
      await enforce()
      return (await api.store.holds.find(DOMAIN))?.enforcedAt !== undefined
    })
    expect(await run).toEqual({
      code: 0,
      stdout: 'customer.com and all below it is held; hostnames that were there are blocked\n',
      stderr: '',
    })
  })

  it('ends with 6 where that takes too long, and says that it goes on', async () => {
    const { code, stdout, stderr } = await holds('add customer.com --wait --timeout 1s')
    expect({ code, stdout }).toEqual({ code: 6, stdout: '' })
    expect(stderr).toBe(
      'custos: Not every hostname of customer.com is blocked after 1s (it goes on by itself; ' +
        'see: custos holds list)\n',
    )
  })

  it('ends with 1 where the domain is none that can be held', async () => {
    const { code, stderr } = await holds('add co.uk')
    expect(code).toBe(1)
    expect(stderr).toContain('Invalid held domain: is a public suffix: "co.uk".')
    expect((await holds('add a/../../zones')).code).toBe(1)
  })
})

describe('custos holds list', () => {
  it('says that there are none', async () => {
    expect(await holds('list')).toEqual({ code: 0, stdout: 'No held domains\n', stderr: '' })
  })

  it('shows a table to people and JSON to programs', async () => {
    await custos(['holds', 'add', 'customer.com', '--reason', 'ticket 7'])
    await enforce()
    await holds('add app.other.com --no-subdomains')
    const { stdout } = await holds('list')
    const instant = String.raw`\d{4}-\d\d-\d\d \d\d:\d\d UTC`
    expect(stdout).toMatch(
      new RegExp(
        [
          '^DOMAIN +SUBDOMAINS +SINCE +HOSTNAMES +REASON',
          `app\\.other\\.com +free +${instant} +being blocked +-`,
          `customer\\.com +held too +${instant} +blocked +ticket 7`,
          '$',
        ].join('\n'),
      ),
    )
    const list = JSON.parse((await holds('list --json')).stdout)
    expect(list).toMatchObject([{ domain: 'app.other.com' }, { domain: 'customer.com' }])
  })

  it('shows the first ones where there are more, and says so', async () => {
    await holds('add a.com')
    await holds('add b.com')
    const { stdout, stderr } = await holds('list --limit 1')
    expect(stdout).toContain('a.com')
    expect(stdout).not.toContain('b.com')
    expect(stderr).toBe('1 of 2: --limit shows more\n')
  })
})

describe('custos holds remove', () => {
  it('removes a hold and says what to do about what it blocked', async () => {
    await holds('add customer.com')
    expect(await holds('remove customer.com')).toEqual({
      code: 0,
      stdout: 'customer.com is held no longer\n',
      stderr: 'What was blocked stays so until: custos hostnames refresh <hostname>\n',
    })
    expect(await api.store.holds.find(DOMAIN)).toBeUndefined()
  })

  it('ends with 3 where the domain is not held', async () => {
    expect(await holds('remove customer.com')).toEqual({
      code: 3,
      stdout: '',
      stderr: 'custos: The domain is not held. (11404)\n',
    })
  })

  it('ends with 4 where the token is wrong', async () => {
    const env = { CUSTOS_API_TOKEN: 'wrong' }
    expect((await holds('remove customer.com', { env })).code).toBe(4)
  })
})
