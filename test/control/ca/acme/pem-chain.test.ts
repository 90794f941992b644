import { X509Certificate } from 'node:crypto'

import { expect, it } from 'vitest'

import { parsePemChain } from '#control/ca/acme/pem-chain.ts'
import { makeDevCertificates } from '#test/dev-certs.ts'

it('reads leaf and intermediates and leaves the root out', async () => {
  const { ca, ecdsa } = await makeDevCertificates(['shop.customer.test'])
  const above = new X509Certificate(ecdsa.certPem.slice(ecdsa.certPem.lastIndexOf('-----BEGIN')))
  const roots = ca.split(/(?=-----BEGIN)/)
  const root = roots.find((pem) => above.checkIssued(new X509Certificate(pem)))
  expect(parsePemChain(ecdsa.certPem)).toEqual(ecdsa.chain)
  expect(parsePemChain(`; comment\r\n${ecdsa.certPem}\n${root}`)).toEqual(ecdsa.chain)
})

it('refuses what is no chain, and one without end', async () => {
  const { ecdsa } = await makeDevCertificates(['shop.customer.test'])
  for (const pem of ['', 'x'.repeat(1_000_000), ecdsa.certPem.repeat(11)]) {
    expect(() => parsePemChain(pem)).toThrow(/The CA sent a chain of \d+ certificates/)
  }
})
