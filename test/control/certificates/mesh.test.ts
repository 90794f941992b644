import { X509Certificate } from 'node:crypto'

import { afterAll, beforeAll, expect, it, vi } from 'vitest'

import { findPaths } from '#control/certificates/find-paths.ts'
import { createTrustedRoots } from '#control/certificates/trusted-roots.ts'
import { openOpensslPki, type Issued, type OpensslPki } from '#test/openssl-pki.ts'

/**
 * Attack: an upload beside a store full of CA certificates that have all signed each other, so that the
 * ways from the leaf are without number. Rule: the search ends after a fixed number of signatures.
 */
let pki: OpensslPki
beforeAll(async () => {
  pki = await openOpensslPki()
})
afterAll(() => pki[Symbol.asyncDispose]())

const VARIANTS = 8

/** Certificates of one name and key, all signed by `issuer`. */
async function variantsOf(first: Issued, commonName: string, issuer: Issued): Promise<Issued[]> {
  const made: Issued[] = []
  while (made.length < VARIANTS) made.push(await pki.issue({ commonName, keyOf: first, issuer }))
  return made
}

it('a mesh of certificates costs a bounded number of signatures', async () => {
  const root = await pki.issue({ commonName: 'Root' })
  const [a, b, c] = await Promise.all(
    ['A', 'B', 'C'].map((commonName) => pki.issue({ commonName })),
  )
  if (!a || !b || !c) throw new Error('not made')
  const mesh = [
    ...(await variantsOf(a, 'A', b)),
    ...(await variantsOf(b, 'B', c)),
    ...(await variantsOf(c, 'C', root)),
  ].map(({ cert }) => new X509Certificate(cert))
  const leaf = await pki.issue({ names: ['app.customer.com'], issuer: a })
  const names: string[] = []
  const search = {
    leaf: new X509Certificate(leaf.cert),
    names: ['app.customer.com'],
    offered: [],
    findKnown: async (subject: string) => {
      names.push(subject)
      return mesh.filter((each) => each.subject === subject)
    },
    now: Date.now(),
  }
  const verify = vi.spyOn(X509Certificate.prototype, 'verify')
  expect(await findPaths({ ...search, roots: createTrustedRoots() })).toEqual([])
  expect(verify.mock.calls.length).toBeLessThanOrEqual(100)
  expect(names.toSorted()).toEqual(['CN=A', 'CN=B', 'CN=C', 'CN=Root'])
  const ways = await findPaths({ ...search, roots: createTrustedRoots([root.cert]) })
  expect(ways.length).toBeGreaterThan(0)
  expect(ways.length).toBeLessThanOrEqual(200)
})
