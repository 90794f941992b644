import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, it } from 'vitest'

import type { CaConfig } from '#config/config.ts'
import { openIssuers, ROOTS_FILE } from '#control/open-issuers.ts'
import { caLimitsOf, UNLIMITED } from '#domain/ca-limits.ts'
import { silentLogger } from '#lib/log.ts'
import { systemRandom } from '#lib/random.ts'
import { fakeClock } from '#test/fake-clock.ts'
import { loadWithFile } from '#test/load-config.ts'
import { memorySecrets } from '#test/memory-secrets.ts'
import { tempDir } from '#test/temp-dir.ts'
import { APP } from '#test/test-ca.ts'

const NEVER = new AbortController().signal
const LOCAL = '{ kind: local }'
const ACME = '{ kind: acme, name: backup, directoryUrl: "https://ca.example/dir", apiName: google }'

const casOf = (...cas: string[]): readonly CaConfig[] =>
  loadWithFile(`cas: [${cas.join()}]`).config.cas

function open(
  cas: readonly CaConfig[],
  { dataDir, secrets = memorySecrets() }: { dataDir: string; secrets?: object },
): ReturnType<typeof openIssuers> {
  return openIssuers({
    cas,
    dataDir,
    secrets: { ...memorySecrets(), ...secrets },
    inspectChallenge: async () => ({ isReady: true }),
    measure: (issuer) => issuer,
    clock: fakeClock(),
    random: systemRandom,
    log: silentLogger,
  })
}

describe('the CAs that are set up', () => {
  it('are opened in their order, without a public one being asked', async () => {
    using dir = tempDir()
    await using opened = await open(casOf(ACME, LOCAL), { dataDir: dir.path })
    const wish = { certificateAuthority: undefined }
    expect(opened.issuers.listCandidates(wish)).toMatchObject([
      { name: 'backup', title: 'backup', apiName: 'google' },
      { name: 'local' },
    ])
    expect(opened.names).toEqual(['backup', 'local'])
    expect(readFileSync(join(dir.path, ROOTS_FILE), 'utf8')).toContain('BEGIN CERTIFICATE')
  })

  it('go by the host of their directory where they have no name', async () => {
    using dir = tempDir()
    const nameless = '{ kind: acme, directoryUrl: "https://ca.example/dir" }'
    await using opened = await open(casOf(nameless), { dataDir: dir.path })
    const [one] = opened.issuers.listCandidates({ certificateAuthority: undefined })
    expect(one).toMatchObject({ name: 'https://ca.example/dir', title: 'ca.example' })
  })

  it('have the limits of their directory, whatever they are called', async () => {
    using dir = tempDir()
    const directoryUrl = 'https://acme-v02.api.letsencrypt.org/directory'
    const cas = casOf(`{ kind: acme, name: le, directoryUrl: "${directoryUrl}" }`, LOCAL)
    await using opened = await open(cas, { dataDir: dir.path })
    expect(opened.limitsOf('le')).toEqual(caLimitsOf(directoryUrl))
    expect(opened.limitsOf('local')).toEqual(UNLIMITED)
  })

  it('leave no roots to trust where the built-in one is not among them', async () => {
    using dir = tempDir()
    await using opened = await open(casOf(ACME), { dataDir: dir.path })
    expect(opened.issuers.find('local')).toBeUndefined()
    expect(existsSync(join(dir.path, ROOTS_FILE))).toBe(false)
  })

  it('are all closed together', async () => {
    using dir = tempDir()
    const opened = await open(casOf(ACME, LOCAL), { dataDir: dir.path })
    await opened[Symbol.asyncDispose]()
    const order = { hostname: APP, wildcard: false, keyAlgorithm: 'ecdsa' } as const
    const opening = opened.issuers.find('backup')?.openOrder(order, NEVER)
    await expect(opening).rejects.toThrow('closing')
  })

  it('do not open where what the store has of one cannot be read', async () => {
    using dir = tempDir()
    const secrets = { find: () => Promise.reject(new Error('wrong key')) }
    const opening = open(casOf(ACME, LOCAL), { dataDir: dir.path, secrets })
    await expect(opening).rejects.toThrow('wrong key')
  })
})
