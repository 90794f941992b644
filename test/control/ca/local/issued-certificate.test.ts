import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:tls'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { importKeyPair } from '#control/ca/keys.ts'
import { createKeyMaker } from '#control/ca/leaf-key-maker.ts'
import { KEY_ALGORITHMS } from '#domain/certificate.ts'
import { renderPem } from '#lib/pem.ts'
import { openssl } from '#test/openssl-command.ts'
import { APP, makeCsr, reservedName, startTestCa, type TestCa } from '#test/test-ca.ts'

/** The certificates of the built-in CA, as openssl and real TLS see them. */
const never = new AbortController().signal
const keyMaker = createKeyMaker()
const DAY_MS = 86_400_000
let ca: TestCa

beforeAll(async () => {
  ca = await startTestCa()
})

afterAll(() => ca[Symbol.asyncDispose]())

describe('what the built-in CA issues', () => {
  it.each(KEY_ALGORITHMS)(
    'verifies with openssl against the exported roots: %s',
    async (algorithm) => {
      const { issuer } = await ca.start()
      const { chain, privateKey } = await ca.issue(issuer, { keyAlgorithm: algorithm })
      const files = {
        'ca.pem': issuer.exportRoots(),
        'leaf.pem': renderPem(chain.leaf),
        'rest.pem': chain.intermediates.map((der) => renderPem(der)).join(''),
      }
      const args = [
        'verify',
        '-x509_strict',
        '-purpose',
        'sslserver',
        '-verify_hostname',
        APP,
        '-CAfile',
        'ca.pem',
      ]
      expect(await openssl([...args, '-untrusted', 'rest.pem', 'leaf.pem'], files)).toContain(
        'leaf.pem: OK',
      )
      const found = keyMaker.describe({ chain, privateKey, names: [APP] })
      expect(found.issuer).toMatch(
        algorithm === 'ecdsa' ? /^Custos Local ECDSA CA / : /^Custos Local RSA CA /,
      )
    },
  )

  it('is one algorithm from leaf to root, so that a client that knows only one can check it', async () => {
    const { issuer } = await ca.start()
    const roots = issuer.exportRoots().match(/-----BEGIN[^]+?-----END CERTIFICATE-----/g) ?? []
    expect(roots).toHaveLength(2)
    for (const [index, algorithm] of KEY_ALGORITHMS.entries()) {
      const { chain } = await ca.issue(issuer, { keyAlgorithm: algorithm })
      const all = [
        ...[chain.leaf, ...chain.intermediates].map((der) => new X509Certificate(der)),
        new X509Certificate(roots[index] ?? ''),
      ]
      expect(all.map((each) => each.publicKey.asymmetricKeyType)).toEqual(
        Array(3).fill(algorithm === 'rsa' ? 'rsa' : 'ec'),
      )
    }
  })

  it.each([
    ['ecdsa' as const, 'Digital Signature\n'],
    ['rsa' as const, 'Digital Signature, Key Encipherment\n'],
  ])('has the extensions of a server certificate: %s', async (algorithm, usage) => {
    const { issuer } = await ca.start()
    const { chain } = await ca.issue(issuer, { keyAlgorithm: algorithm })
    const text = await openssl(['x509', '-in', 'leaf.pem', '-noout', '-text'], {
      'leaf.pem': renderPem(chain.leaf),
    })
    expect(text).toMatch(/Subject: CN = app\.localhost\n/)
    expect(text).toMatch(/Basic Constraints: critical\s+CA:FALSE/)
    expect(text).toContain('X509v3 Key Usage: critical\n                ' + usage)
    expect(text).toMatch(/Extended Key Usage: \s+TLS Web Server Authentication\n/)
    expect(text).toMatch(/Subject Alternative Name: \n\s+DNS:app\.localhost\n/)
    expect(text).toMatch(/Subject Key Identifier: \n/)
    const [intermediate = ''] = chain.intermediates.map((der) => renderPem(der))
    const upper = await openssl(['x509', '-in', 'ca.pem', '-noout', '-text'], {
      'ca.pem': intermediate,
    })
    expect(upper).toMatch(/Basic Constraints: critical\s+CA:TRUE, pathlen:0/)
    const keyId = /Subject Key Identifier: \n\s+(\S+)/.exec(upper)?.[1] ?? 'none'
    expect(/Authority Key Identifier: \n\s+(\S+)/.exec(text)?.[1]).toBe(keyId)
  })

  it('has no common name where the name is longer than 64 characters', async () => {
    const { issuer } = await ca.start()
    const long = reservedName(`${'a'.repeat(60)}.customer.localhost`)
    const { chain } = await ca.issue(issuer, { hostname: long })
    const text = await openssl(['x509', '-in', 'leaf.pem', '-noout', '-text'], {
      'leaf.pem': renderPem(chain.leaf),
    })
    expect(text).toMatch(/Subject: \n/)
    expect(text).toMatch(/Subject Alternative Name: critical\n/)
    const files = {
      'ca.pem': issuer.exportRoots(),
      'leaf.pem': renderPem(chain.leaf),
      'rest.pem': chain.intermediates.map((der) => renderPem(der)).join(''),
    }
    const args = [
      'verify',
      '-x509_strict',
      '-verify_hostname',
      long,
      '-CAfile',
      'ca.pem',
      '-untrusted',
      'rest.pem',
      'leaf.pem',
    ]
    expect(await openssl(args, files)).toContain('OK')
  })

  it('has serial numbers of 126 random bits, positive', async () => {
    const { issuer } = await ca.start()
    const serials = new Set<string>()
    for (let i = 0; i < 5; i++) {
      const { chain } = await ca.issue(issuer)
      const { serialNumber } = new X509Certificate(chain.leaf)
      expect(serialNumber).toMatch(/^[4-7][0-9A-F]{31}$/)
      serials.add(serialNumber)
    }
    expect(serials.size).toBe(5)
  })

  it('lives 365 days, from an hour ago', async () => {
    const { issuer, clock } = await ca.start()
    const { chain } = await ca.issue(issuer)
    const { validFromDate, validToDate } = new X509Certificate(chain.leaf)
    expect(clock.now() - validFromDate.getTime()).toBe(3_600_000)
    expect(validToDate.getTime() - validFromDate.getTime()).toBe(365 * DAY_MS)
  })

  it('lives minutes where that is wished, nearly all of them from now', async () => {
    const { issuer, clock } = await ca.start({ leafLifetimeMs: 120_000 })
    const { chain } = await ca.issue(issuer)
    const { validFromDate, validToDate } = new X509Certificate(chain.leaf)
    expect(validToDate.getTime() - validFromDate.getTime()).toBe(120_000)
    expect(validToDate.getTime() - clock.now()).toBe(114_000)
  })

  it('never outlives the intermediate, and ends with it', async () => {
    const { issuer, clock } = await ca.start()
    const { chain } = await ca.issue(issuer)
    const end = new X509Certificate(chain.intermediates[0] ?? '').validToDate.getTime()
    clock.jump(end - 10 * DAY_MS)
    const last = await ca.issue(issuer)
    expect(new X509Certificate(last.chain.leaf).validToDate.getTime()).toBe(end)
    clock.jump(end + 1_000)
    const order = await ca.openValidated(issuer, { hostname: reservedName('late.localhost') })
    const { csr } = await makeCsr('ecdsa', ['late.localhost'])
    await expect(issuer.finalize(order, csr, never)).rejects.toMatchObject({ kind: 'rejected' })
  })

  it.each([0, -1, NaN, 9_999, 826 * DAY_MS])(
    'refuses a lifetime of %d ms',
    async (leafLifetimeMs) => {
      await expect(ca.start({ leafLifetimeMs })).rejects.toThrow(RangeError)
    },
  )

  it('is served by a real TLS server to real clients of either algorithm', async () => {
    const { issuer } = await ca.start()
    const chains = await Promise.all(
      KEY_ALGORITHMS.map((algorithm) => ca.issue(issuer, { keyAlgorithm: algorithm })),
    )
    const tls = createServer({
      cert: chains.map(({ chain }) =>
        [chain.leaf, ...chain.intermediates].map((der) => renderPem(der)).join(''),
      ),
      key: chains.map(({ privateKey }) =>
        importKeyPair(privateKey).privateKey.export({ type: 'pkcs8', format: 'pem' }),
      ),
    })
    tls.on('connection', (socket) => socket.on('error', () => {}))
    tls.on('secureConnection', (socket) => socket.end())
    tls.listen(0, '127.0.0.1')
    await once(tls, 'listening')
    const address = tls.address()
    const port = typeof address === 'object' ? address?.port : undefined
    const args = [
      's_client',
      '-connect',
      `127.0.0.1:${port}`,
      '-servername',
      APP,
      '-CAfile',
      'ca.pem',
      '-verify_return_error',
      '-verify_hostname',
      APP,
      '-ign_eof',
    ]
    for (const [algorithms, type] of [
      ['ecdsa_secp256r1_sha256', 'ECDSA'],
      ['rsa_pss_rsae_sha256:rsa_pkcs1_sha256', 'RSA'],
    ] as const) {
      const text = await openssl([...args, '-sigalgs', algorithms], {
        'ca.pem': issuer.exportRoots(),
      })
      expect(text).toContain('Verify return code: 0 (ok)')
      expect(text).toContain(`CN = Custos Local ${type} CA`)
    }
    tls.close()
    await once(tls, 'close')
  })
})
