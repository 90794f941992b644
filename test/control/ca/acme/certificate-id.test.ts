import { X509Certificate } from 'node:crypto'

import { expect, it } from 'vitest'

import { renderCertificateId } from '#control/ca/acme/certificate-id.ts'
import { makeDevCertificates } from '#test/dev-certs.ts'

/** Of RFC 9773 appendix A: its serial number's first bit is set. */
const EXAMPLE = `-----BEGIN CERTIFICATE-----
MIIBQzCB66ADAgECAgUAh2VDITAKBggqhkjOPQQDAjAVMRMwEQYDVQQDEwpFeGFt
cGxlIENBMCIYDzAwMDEwMTAxMDAwMDAwWhgPMDAwMTAxMDEwMDAwMDBaMBYxFDAS
BgNVBAMTC2V4YW1wbGUuY29tMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEeBZu
7cbpAYNXZLbbh8rNIzuOoqOOtmxA1v7cRm//AwyMwWxyHz4zfwmBhcSrf47NUAFf
qzLQ2PPQxdTXREYEnKMjMCEwHwYDVR0jBBgwFoAUaYhba4dGQEHhs3uEe6CuLN4B
yNQwCgYIKoZIzj0EAwIDRwAwRAIge09+S5TZAlw5tgtiVvuERV6cT4mfutXIlwTb
+FYN/8oCIClDsqBklhB9KAelFiYt9+6FDj3z4KGVelYM5MdsO3pK
-----END CERTIFICATE-----`

it('is the one that RFC 9773 gives for its example', () => {
  const { raw } = new X509Certificate(EXAMPLE)
  expect(renderCertificateId(raw)).toBe('aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE')
})

it('has the serial number as it is where its first bit is not set', async () => {
  const { ecdsa } = await makeDevCertificates(['shop.customer.test'])
  const { serialNumber } = new X509Certificate(ecdsa.chain.leaf)
  const serial = Buffer.from(serialNumber, 'hex').toString('base64url')
  expect(renderCertificateId(ecdsa.chain.leaf)).toMatch(new RegExp(`^[\\w-]{27}\\.${serial}$`))
})

it('is none where there is no certificate to read, or no issuer’s key named', async () => {
  const { ca } = await makeDevCertificates(['shop.customer.test'])
  expect(renderCertificateId(Buffer.from('garbage'))).toBeUndefined()
  expect(renderCertificateId(new X509Certificate(ca).raw)).toBeUndefined()
})
