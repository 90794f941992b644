import { describe, expect, it } from 'vitest'

import { loadWith, loadWithFile, mistakesOf } from '#test/load-config.ts'

describe('the settings file', () => {
  it('sets the same things, in groups, with dots, and with lists', () => {
    const { config } = loadWithFile(`
dataDir: /srv/custos
logLevel: warn
edge:
  https: 127.0.0.1:4443
  accessLog: yes
edge.http: 127.0.0.1:4080
localCa: { leafLifetime: 90d }
dns:
  servers:
    - 192.0.2.1
    - "[2001:db8::1]:53"
zone: "007"
`)
    expect(config).toMatchObject({
      dataDir: '/srv/custos',
      logLevel: 'warn',
      edgeHttps: { host: '127.0.0.1', port: 4443 },
      edgeHttp: { host: '127.0.0.1', port: 4080 },
      edge: { accessLog: true },
      cas: [{ leafLifetimeMs: 90 * 86_400_000 }],
      dnsServers: ['192.0.2.1:53', '[2001:db8::1]:53'],
      firstZone: { name: '007' },
    })
  })

  it('reads every value as its text, so that 0123 and on stay what they are', () => {
    expect(loadWithFile('apiToken: 0123').config.apiToken).toBe('0123')
    expect(loadWithFile('zone: on').config.firstZone.name).toBe('on')
    expect(loadWithFile('zone: 1e3').config.firstZone.name).toBe('1e3')
  })

  it('gives way to the environment', () => {
    const { config } = loadWithFile('workers: 3\nzone: file', { CUSTOS_ZONE: 'environment' })
    expect(config).toMatchObject({ workers: 3, firstZone: { name: 'environment' } })
  })

  it('may be empty, or nothing but comments', () => {
    expect(loadWithFile('').config).toEqual(loadWith({}).config)
    expect(loadWithFile('# nothing yet\nedge:\n').config).toEqual(loadWith({}).config)
  })

  it.each([
    ['edge: { htps: "x" }', 'edge.htps', 'is no setting: did you mean edge.https?'],
    ['control: { host: x }', 'control.host', 'is no setting: did you mean control?'],
    ['CUSTOS_WORKERS: 3', 'CUSTOS_WORKERS', 'is no setting: did you mean workers?'],
    ['config: other.yaml', 'config', 'is no setting'],
    ['flavour: sweet', 'flavour', 'is no setting'],
    ['__proto__: { polluted: 1 }', '__proto__.polluted', 'is no setting'],
    ['- a\n- b', 'config file', 'must be a mapping of settings'],
    ['just text', 'config file', 'must be a mapping of settings'],
    ['zone: [[a], b]', 'zone', 'must be a single value or a list of single values'],
    ['edge: { https: "1:1" }\nedge.https: "1:2"', 'edge.https', 'is set twice'],
  ])('is refused for %j', (text, name, message) => {
    expect(mistakesOf(() => loadWithFile(text))).toContainEqual({ name, message })
  })

  it('is refused with line and column where it is not YAML', () => {
    const [first] = mistakesOf(() => loadWithFile('a: 1\nb: [1, 2\nc: 3'))
    expect(first?.name).toBe('config file')
    expect(first?.message).toMatch(/at line 3, column 1/)
    expect(mistakesOf(() => loadWithFile('zone: a\nzone: b'))[0]?.message).toMatch(
      /unique at line 2/,
    )
  })

  it('is refused where it cannot be read or is too large', () => {
    expect(mistakesOf(() => loadWith({ env: { CUSTOS_CONFIG: '/nowhere.yaml' } }))).toEqual([
      { name: 'CUSTOS_CONFIG', message: 'cannot be read: ENOENT: no such file: /nowhere.yaml' },
    ])
    expect(mistakesOf(() => loadWithFile('#'.repeat(1_048_577)))[0]?.message).toMatch(
      /at most 1048576/,
    )
  })

  it('does not unfold aliases without end', () => {
    const bomb = `a: &a [x,x,x]\n${'bcdefgh'.replace(/./g, (c) => `${c}: &${c} [*a,*a,*a]\n`)}`
    expect(mistakesOf(() => loadWithFile(bomb)).length).toBeGreaterThan(0)
  })
})
