import { createPrivateKey, X509Certificate } from 'node:crypto'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { checkUpload, type UploadCheck } from '#control/certificates/check-upload.ts'
import { createTrustedRoots } from '#control/certificates/trusted-roots.ts'
import {
  CA,
  EC_P384,
  ED25519,
  openOpensslPki,
  RSA_2048,
  type Issued,
  type IssueOptions,
  type OpensslPki,
} from '#test/openssl-pki.ts'

/** Certificates as OpenSSL makes them, right and wrong, against the rules of an upload. */
const NAME = 'app.customer.com'
const NOW = Date.now()
const DAY = 86_400_000
const LONG_EXPONENT = [...RSA_2048, '-pkeyopt', 'rsa_keygen_pubexp:4294967311']

let pki: OpensslPki
let root: Issued
let intermediate: Issued
beforeAll(async () => {
  pki = await openOpensslPki()
  root = await pki.issue({ commonName: 'Root', to: 5_000 })
  intermediate = await pki.issue({ commonName: 'Intermediate', issuer: root, to: 2_000 })
})
afterAll(() => pki[Symbol.asyncDispose]())

const leafFor = (options: Partial<IssueOptions> = {}): Promise<Issued> =>
  pki.issue({ names: [NAME], issuer: intermediate, ...options })

/** As uploaded with the key of `leaf`. */
function check(
  certificates: readonly Issued[],
  options: Partial<UploadCheck> & { key?: string; trusted?: readonly Issued[] } = {},
): ReturnType<typeof checkUpload> {
  const { key = certificates[0]?.key ?? '', trusted = [root], ...rest } = options
  return checkUpload({
    certificates: certificates.map(({ cert }) => cert).join('\n'),
    privateKey: createPrivateKey(key),
    names: [NAME],
    bundleMethod: 'ubiquitous',
    now: NOW,
    roots: createTrustedRoots(trusted.map(({ cert }) => cert)),
    findKnown: async () => [],
    ...rest,
  })
}

function problemOf(checked: Promise<unknown>): Promise<string> {
  return checked.then(
    () => 'none',
    (error: unknown) =>
      error instanceof Error && 'problem' in error
        ? `${String(error.problem)}: ${error.message}`
        : String(error),
  )
}

function subjectsOf(intermediates: readonly Uint8Array[]): string[] {
  return intermediates.map((der) => new X509Certificate(der).subject)
}

describe('an upload', () => {
  it('is described, with its key as PKCS #8 and its chain in DER without the root', async () => {
    const leaf = await leafFor({ names: [NAME, `*.${NAME}`] })
    const checked = await check([leaf, intermediate, root])
    expect(checked.keyAlgorithm).toBe('ecdsa')
    expect(subjectsOf(checked.chain.intermediates)).toEqual(['CN=Intermediate'])
    const pkcs8 = Buffer.from(checked.privateKey)
    const key = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' })
    expect(new X509Certificate(checked.chain.leaf).checkPrivateKey(key)).toBe(true)
    expect(checked.description).toMatchObject({
      hosts: [NAME, `*.${NAME}`],
      issuer: 'Intermediate',
      signature: 'ECDSAWithSHA256',
    })
  })

  it.each<[string, readonly string[], 'ecdsa' | 'rsa']>([
    ['RSA of 2048 bits', RSA_2048, 'rsa'],
    ['P-384', EC_P384, 'ecdsa'],
  ])('may have a key of %s', async (_what, key, algorithm) => {
    expect((await check([await leafFor({ key }), intermediate])).keyAlgorithm).toBe(algorithm)
  })

  it.each<[string, readonly string[], RegExp]>([
    ['Ed25519', ED25519, /must be RSA or ECDSA.*ed25519/],
    ['P-521', ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-521'], /curve.*secp521r1/],
    ['secp256k1', ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:secp256k1'], /secp256k1/],
    ['RSA of 1024 bits', ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:1024'], /2048 to 4096/],
    ['RSA with a long exponent', LONG_EXPONENT, /exponent 65537 or a smaller one.*33 bits/],
    ['RSA-PSS', ['-algorithm', 'RSA-PSS', '-pkeyopt', 'rsa_keygen_bits:2048'], /rsa-pss/],
  ])('may not have a key of %s', async (_what, key, message) => {
    const problem = await problemOf(check([await leafFor({ key }), intermediate]))
    expect(problem).toMatch(/^key-unusable: /)
    expect(problem).toMatch(message)
  })

  it('must come with its own key', async () => {
    const [leaf, other] = [await leafFor(), await leafFor()]
    expect(await problemOf(check([leaf, intermediate], { key: other.key }))).toMatch(
      /^key-mismatch: it is the key of another certificate/,
    )
  })

  it('must cover the hostname, by name or by a wildcard for one label', async () => {
    const cases: [string[], string[], boolean][] = [
      [[NAME], [NAME], true],
      [['APP.Customer.com'], [NAME], true],
      [['*.customer.com'], [NAME], true],
      [['*.com'], [NAME], false],
      [['customer.com'], [NAME], false],
      [[`*.${NAME}`], [NAME], false],
      [['a*.customer.com'], [NAME], false],
      [[NAME], [NAME, `*.${NAME}`], false],
      [['*.customer.com'], [NAME, `*.${NAME}`], false],
      [['*.customer.com', `*.${NAME}`], [NAME, `*.${NAME}`], true],
    ]
    for (const [has, names, isCovered] of cases) {
      const leaf = await leafFor({ names: has })
      const problem = await problemOf(check([leaf, intermediate], { names }))
      expect(problem, `${has} for ${names}`).toMatch(isCovered ? /^none$/ : /^not-covered: /)
    }
    const nameless = await leafFor({ names: ['other.customer.com'], commonName: NAME })
    expect(await problemOf(check([nameless, intermediate]))).toBe(
      `not-covered: ${NAME} is missing: it is for other.customer.com`,
    )
  })

  it('must be valid now', async () => {
    const leaf = await leafFor({ from: -10, to: 10 })
    const at = (now: number): Promise<string> =>
      problemOf(check([leaf, intermediate], { now, bundleMethod: 'force' }))
    expect(await at(NOW)).toBe('none')
    expect(await at(NOW - 20 * DAY)).toMatch(/^untrusted: it is not valid before 20/)
    expect(await at(NOW + 20 * DAY)).toMatch(/^untrusted: it expired at 20/)
  })

  it('must be signed with a digest that is good today', async () => {
    const sha384 = await leafFor({ digest: 'sha384' })
    expect(await problemOf(check([sha384, intermediate]))).toBe('none')
    const sha1 = await leafFor({ digest: 'sha1' })
    for (const bundleMethod of ['ubiquitous', 'force'] as const) {
      const problem = await problemOf(check([sha1, intermediate], { bundleMethod }))
      expect(problem).toMatch(/^signature: the certificate is signed with ecdsa-with-SHA1/)
    }
    const old = await pki.issue({ commonName: 'Old', issuer: root, digest: 'sha1' })
    const leaf = await leafFor({ issuer: old })
    expect(await problemOf(check([leaf, old]))).toMatch(/^signature: an intermediate is signed/)
  })

  it('must have exactly one leaf', async () => {
    const [leaf, other] = [await leafFor(), await leafFor()]
    expect(await problemOf(check([leaf, other, intermediate]))).toMatch(/^several-leaves: /)
    expect(await problemOf(check([intermediate, root], { key: intermediate.key }))).toMatch(
      /^no-leaf: /,
    )
    expect(await problemOf(check([intermediate], { key: intermediate.key }))).toMatch(/^no-leaf: /)
    expect(await problemOf(check([leaf, leaf, intermediate]))).toBe('none')
  })

  it('must be for servers', async () => {
    const extensions = ['basicConstraints=CA:false', 'extendedKeyUsage=clientAuth']
    const leaf = await leafFor({ extensions })
    expect(await problemOf(check([leaf, intermediate]))).toMatch(/^untrusted: .*server auth/)
  })
})

describe('the chain of an upload', () => {
  it('is put in order and freed from what does not belong to it', async () => {
    const lower = await pki.issue({ commonName: 'Lower', issuer: intermediate })
    const stranger = await pki.issue({ commonName: 'Stranger' })
    const leaf = await leafFor({ issuer: lower })
    const shuffled = [root, intermediate, stranger, leaf, lower]
    for (const bundleMethod of ['ubiquitous', 'optimal'] as const) {
      const { chain } = await check(shuffled, { bundleMethod, key: leaf.key })
      expect(subjectsOf(chain.intermediates)).toEqual(['CN=Lower', 'CN=Intermediate'])
      expect(new X509Certificate(chain.leaf).subject).toBe(`CN=${NAME}`)
    }
  })

  it('is taken verbatim with force, whatever it is, but with the leaf first', async () => {
    const stranger = await pki.issue({ commonName: 'Stranger' })
    const leaf = await leafFor()
    const force = { bundleMethod: 'force', trusted: [] } as const
    const { chain } = await check([leaf, stranger, root], force)
    expect(subjectsOf(chain.intermediates)).toEqual(['CN=Stranger', 'CN=Root'])
    const turned = check([intermediate, leaf], { ...force, key: leaf.key })
    expect(await problemOf(turned)).toMatch(/^no-leaf: .*leaf must come first/)
  })

  it('may be a self-signed certificate only with force', async () => {
    for (const extensions of [CA, ['basicConstraints=CA:false']]) {
      const self = await pki.issue({ names: [NAME], extensions })
      expect(await problemOf(check([self]))).toMatch(/^untrusted: it is self-signed/)
      const { chain } = await check([self], { bundleMethod: 'force' })
      expect(chain.intermediates).toEqual([])
    }
  })

  it('must lead to a trusted root', async () => {
    const leaf = await leafFor()
    expect(await problemOf(check([leaf, intermediate], { trusted: [] }))).toMatch(/^untrusted: /)
    expect(await problemOf(check([leaf]))).toMatch(
      /^untrusted: no chain .* \(CN=Intermediate\) .*upload the intermediates too/,
    )
  })

  it('is completed by intermediates that are known', async () => {
    const findKnown = async (subject: string): Promise<X509Certificate[]> =>
      subject === 'CN=Intermediate' ? [new X509Certificate(intermediate.cert)] : []
    const { chain } = await check([await leafFor()], { findKnown })
    expect(subjectsOf(chain.intermediates)).toEqual(['CN=Intermediate'])
  })

  it('does not go through an impostor of the same name', async () => {
    const impostor = await pki.issue({ commonName: 'Intermediate', issuer: root })
    const leaf = await leafFor()
    expect(await problemOf(check([leaf, impostor]))).toMatch(/^untrusted: /)
    const { chain } = await check([leaf, impostor, intermediate])
    expect(chain.intermediates).toHaveLength(1)
  })

  it.each<[string, Partial<IssueOptions>]>([
    ['is no CA', { extensions: ['basicConstraints=critical,CA:false'] }],
    ['may not sign certificates', { extensions: ['basicConstraints=CA:true', 'keyUsage=cRLSign'] }],
    ['is for clients', { extensions: [...CA, 'extendedKeyUsage=clientAuth'] }],
    ['has expired', { from: -10, to: -1 }],
    ['is not valid yet', { from: 1 }],
    ['excludes the name', { extensions: [...CA, 'nameConstraints=excluded;DNS:customer.com'] }],
    ['permits others', { extensions: [...CA, 'nameConstraints=permitted;DNS:other.com'] }],
    ['has a key whose signatures take long to check', { key: LONG_EXPONENT }],
  ])('does not go through an intermediate that %s', async (_what, options) => {
    const bad = await pki.issue({ commonName: 'Bad', issuer: root, ...options })
    const leaf = await leafFor({ issuer: bad })
    // As no CA, OpenSSL takes it for a second leaf.
    expect(await problemOf(check([leaf, bad]))).toMatch(/^(untrusted|several-leaves): /)
  })

  it('goes through one that permits the name', async () => {
    const extensions = [...CA, 'nameConstraints=permitted;DNS:customer.com,excluded;DNS:x.com']
    const good = await pki.issue({ commonName: 'Good', issuer: root, extensions })
    expect(await problemOf(check([await leafFor({ issuer: good }), good]))).toBe('none')
  })

  it('respects the path length', async () => {
    const extensions = ['basicConstraints=critical,CA:true,pathlen:0']
    const upper = await pki.issue({ commonName: 'Upper', issuer: root, extensions })
    const lower = await pki.issue({ commonName: 'Lower', issuer: upper })
    const leaf = await leafFor({ issuer: lower })
    expect(await problemOf(check([leaf, lower, upper]))).toMatch(/^untrusted: /)
    expect(await problemOf(check([await leafFor({ issuer: upper }), upper]))).toBe('none')
  })

  it('has at most eight certificates, the root with them', async () => {
    const levels = [intermediate]
    const addLevel = async (): Promise<Issued> => {
      const issuer = levels[0] ?? root
      const next = await pki.issue({ commonName: `Level ${levels.length}`, issuer })
      levels.unshift(next)
      return next
    }
    let lowest = intermediate
    while (levels.length < 6) lowest = await addLevel()
    const longest = await leafFor({ issuer: lowest })
    expect(await problemOf(check([longest, ...levels]))).toBe('none')
    const longer = await leafFor({ issuer: await addLevel() })
    expect(await problemOf(check([longer, ...levels]))).toMatch(/^untrusted: /)
  })
})

describe('of several chains', () => {
  /** The intermediate's CA is young; an older root signed it too. */
  async function crossSigned(): Promise<{ old: Issued; cross: Issued; leaf: Issued }> {
    const old = await pki.issue({ commonName: 'Old Root', from: -3_000, to: 3_000 })
    const cross = await pki.issue({ commonName: 'Root', keyOf: root, issuer: old, to: 1_000 })
    return { old, cross, leaf: await leafFor() }
  }

  it('ubiquitous is the one to the oldest root, optimal the shortest', async () => {
    const { old, cross, leaf } = await crossSigned()
    const came = [leaf, intermediate, cross]
    const trusted = [root, old]
    const chainOf = async (bundleMethod: 'ubiquitous' | 'optimal'): Promise<string[]> =>
      subjectsOf((await check(came, { trusted, bundleMethod })).chain.intermediates)
    expect(await chainOf('ubiquitous')).toEqual(['CN=Intermediate', 'CN=Root'])
    expect(await chainOf('optimal')).toEqual(['CN=Intermediate'])
  })

  it('none is chosen that ends before the leaf, where another does not', async () => {
    const { old, leaf } = await crossSigned()
    const brief = await pki.issue({ commonName: 'Root', keyOf: root, issuer: old, to: 5 })
    const trusted = [root, old]
    const { chain } = await check([leaf, intermediate, brief], { trusted })
    expect(subjectsOf(chain.intermediates)).toEqual(['CN=Intermediate'])
    const only = await check([leaf, intermediate, brief], { trusted: [old] })
    expect(subjectsOf(only.chain.intermediates)).toEqual(['CN=Intermediate', 'CN=Root'])
  })
})

it('a key that is damaged is found although its public half fits', async () => {
  const leaf = await leafFor({ key: RSA_2048 })
  const jwk = createPrivateKey(leaf.key).export({ format: 'jwk' })
  const key = { ...jwk, d: jwk.n ?? '', dp: jwk.dq ?? '' }
  const privateKey = createPrivateKey({ key, format: 'jwk' })
  const problem = await problemOf(check([leaf, intermediate], { privateKey }))
  expect(problem).toMatch(/^key-unusable: .*damaged/)
})
