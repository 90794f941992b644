import { describe, expect, it } from 'vitest'

import { fakeClock } from '#test/fake-clock.ts'
import { makeDevCertificates } from '#test/dev-certs.ts'
import { sClient } from '#test/s-client.ts'
import { aBinding, sealedChains } from '#test/test-binding.ts'
import { startTlsEdge, type TestTlsEdge } from '#test/tls-edge.ts'

const NAME = 'app.customer.test'
const HOUR_MS = 3_600_000

const told = ({ sightings }: TestTlsEdge): string[] =>
  (sightings.recent() ?? []).map(({ name, detail }) => `${name}: ${detail}`)

describe('a chain that was issued lately', () => {
  it('is told of at its first handshake, with what was served', async () => {
    await using edge = await startTlsEdge()
    const chains = sealedChains(await makeDevCertificates([NAME]))
    edge.directory.put(aBinding(NAME, { chains }))
    const port = edge.port
    for (let i = 0; i < 2; i++) await sClient({ port, serverName: NAME })
    expect(told(edge)).toEqual([`${NAME}: ecdsa, TLSv1.3`])
    const args = ['-tls1_2', '-sigalgs', 'RSA-PSS+SHA256']
    for (let i = 0; i < 2; i++) await sClient({ port, serverName: NAME, args })
    expect(told(edge)).toEqual([`${NAME}: ecdsa, TLSv1.3`, `${NAME}: rsa, TLSv1.2`])
    expect(edge.sightings.recent()?.[0]).toMatchObject({
      kind: 'first-handshake',
      hostnameId: `id-of-${NAME}`,
    })
  })

  it('is so for a day', async () => {
    const clock = fakeClock(Date.now())
    await using edge = await startTlsEdge({ clock })
    const certificates = await makeDevCertificates([NAME], {
      notBefore: clock.now() - 23 * HOUR_MS,
    })
    edge.directory.put(aBinding(NAME, { chains: sealedChains(certificates) }))
    await clock.advance(HOUR_MS)
    await sClient({ port: edge.port, serverName: NAME })
    expect(told(edge)).toEqual([])
  })
})

describe('chains that were issued long ago', () => {
  it('are not told of: a start of an edge is the first handshake of all of them', async () => {
    await using edge = await startTlsEdge()
    const notBefore = Date.now() - 25 * HOUR_MS
    const chains = sealedChains(await makeDevCertificates([NAME], { notBefore }))
    edge.directory.put(aBinding(NAME, { chains }))
    expect((await sClient({ port: edge.port, serverName: NAME })).version).toBe('TLSv1.3')
    expect(told(edge)).toEqual([])
  })
})
