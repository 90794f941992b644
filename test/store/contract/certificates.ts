import { X509Certificate } from 'node:crypto'

import { describe, expect, it } from 'vitest'

import type { Certificate, KeyAlgorithm } from '#domain/certificate.ts'
import type { CustomHostname } from '#domain/custom-hostname.ts'
import type { Store } from '#store/store.ts'
import { makeDevCertificates } from '#test/dev-certs.ts'
import { aCertificate as made, aHostname, NOON } from '#test/records.ts'

import { createAll, openWithZone, type OpenStore } from './store-under-test.ts'

/** In plain bytes, so that what comes back compares equal. */
function aCertificate(record: CustomHostname, keyAlgorithm: KeyAlgorithm): Certificate {
  const certificate = made(record, keyAlgorithm)
  const { leaf, intermediates } = certificate.chain
  return {
    ...certificate,
    chain: { leaf: plain(leaf), intermediates: intermediates.map(plain) },
    sealedKey: plain(certificate.sealedKey),
  }
}

function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes)
}

async function add(store: Store, ...certificates: Certificate[]): Promise<void> {
  for (const certificate of certificates) {
    await store.hostnames.update(certificate.hostnameId, (record) => ({
      record,
      addCertificates: [certificate],
    }))
  }
}

export function certificatesContract(open: OpenStore): void {
  describe('certificates', () => {
    it('come back as they went in', async () => {
      await using opened = await openWithZone(open)
      const { store } = opened
      const record = aHostname()
      await store.hostnames.create(record)
      const certificate: Certificate = {
        ...aCertificate(record, 'ecdsa'),
        chain: {
          leaf: Uint8Array.of(0, 1, 255),
          intermediates: [Uint8Array.of(3), Uint8Array.of(2), Uint8Array.of(3)],
        },
        sealedKey: Uint8Array.of(255, 0),
        hosts: [record.hostname, `*.${record.hostname}`],
      }
      await add(store, certificate)
      expect(await store.certificates.find(certificate.id)).toEqual(certificate)
    })

    it('may come with the record', async () => {
      await using opened = await openWithZone(open)
      const { store } = opened
      const record = aHostname()
      const both = [aCertificate(record, 'ecdsa'), aCertificate(record, 'rsa')]
      await store.hostnames.create(record, { certificates: both })
      expect(await store.certificates.listByHostname(record.id)).toEqual(both)
      const twin = aHostname({ hostname: record.hostname })
      const certificates = [aCertificate(twin, 'rsa')]
      const create = store.hostnames.create(twin, { certificates })
      await expect(create).rejects.toMatchObject({ kind: 'duplicate' })
      expect(await store.certificates.listByHostname(twin.id)).toEqual([])
      const stranger = store.hostnames.create(aHostname(), { certificates: both })
      await expect(stranger).rejects.toThrow(TypeError)
    })

    it('leave their intermediates to be found by subject', async () => {
      await using opened = await openWithZone(open)
      const { store } = opened
      const { ecdsa, rsa } = await makeDevCertificates(['app.customer.com'])
      const record = aHostname()
      const [one, other] = [aCertificate(record, 'ecdsa'), aCertificate(record, 'rsa')]
      await store.hostnames.create(record, {
        certificates: [
          { ...one, chain: ecdsa.chain },
          { ...other, chain: { ...rsa.chain, intermediates: [Uint8Array.of(1)] } },
        ],
      })
      const [issuer = Uint8Array.of()] = ecdsa.chain.intermediates
      const { subject } = new X509Certificate(issuer)
      expect((await store.certificates.findIntermediates(subject)).map(plain)).toEqual([
        plain(issuer),
      ])
      expect(await store.certificates.findIntermediates(`${subject} `)).toEqual([])
    })

    it('may have no intermediates', async () => {
      await using opened = await openWithZone(open)
      const { store } = opened
      const record = aHostname()
      await store.hostnames.create(record)
      const leaf = Uint8Array.of(1)
      const certificate = { ...aCertificate(record, 'rsa'), chain: { leaf, intermediates: [] } }
      await add(store, certificate)
      expect(await store.certificates.find(certificate.id)).toEqual(certificate)
    })

    it('are undefined where there is none', async () => {
      await using opened = await openWithZone(open)
      expect(await opened.store.certificates.find('nobody')).toBeUndefined()
      expect(await opened.store.certificates.listByHostname('nobody')).toEqual([])
      expect(await opened.store.certificates.listByHostnames([])).toEqual([])
    })

    it('are listed by hostname in order of creation', async () => {
      await using opened = await openWithZone(open)
      const { store } = opened
      const [mine, theirs] = [aHostname(), aHostname()]
      await createAll(store, [mine, theirs])
      const newer = { ...aCertificate(mine, 'ecdsa'), id: 'a', createdAt: NOON + 1 }
      const older = { ...aCertificate(mine, 'rsa'), id: 'b', createdAt: NOON }
      const other = { ...aCertificate(theirs, 'rsa'), createdAt: NOON + 2 }
      await add(store, newer, older, other)
      const { certificates } = store
      expect(await certificates.listByHostname(mine.id)).toEqual([older, newer])
      const both = await certificates.listByHostnames([theirs.id, mine.id, 'nobody'])
      expect(both).toEqual([older, newer, other])
    })

    it('are listed for more hostnames than a statement takes', async () => {
      await using opened = await openWithZone(open)
      const { store } = opened
      const record = aHostname()
      await store.hostnames.create(record)
      await add(store, aCertificate(record, 'rsa'))
      const ids = [...Array.from({ length: 2_500 }, (_, n) => `none-${n}`), record.id]
      expect(await store.certificates.listByHostnames(ids)).toHaveLength(1)
    })

    it('stay as they are when they are added once more', async () => {
      await using opened = await openWithZone(open)
      const { store } = opened
      const record = aHostname()
      await store.hostnames.create(record)
      const certificate = aCertificate(record, 'rsa')
      await add(store, certificate, { ...certificate, issuer: 'Someone else' })
      expect(await store.certificates.listByHostname(record.id)).toEqual([certificate])
    })

    it('go with the change that removes them, but not those of another hostname', async () => {
      await using opened = await openWithZone(open)
      const { store } = opened
      const [mine, theirs] = [aHostname(), aHostname()]
      await createAll(store, [mine, theirs])
      const [old, next] = [aCertificate(mine, 'rsa'), aCertificate(mine, 'ecdsa')]
      const other = aCertificate(theirs, 'rsa')
      await add(store, old, other)
      await store.hostnames.update(mine.id, (record) => ({
        record,
        addCertificates: [next],
        removeCertificates: [old.id, other.id, 'nobody'],
      }))
      expect(await store.certificates.listByHostname(mine.id)).toEqual([next])
      expect(await store.certificates.listByHostname(theirs.id)).toEqual([other])
    })

    it('are not stored when the record cannot be', async () => {
      await using opened = await openWithZone(open)
      const { store } = opened
      const ownership = { state: 'deleted', since: NOON, errors: [] } as const
      const deleted = aHostname({ ownership })
      const successor = aHostname({ hostname: deleted.hostname })
      await createAll(store, [deleted, successor])
      const update = store.hostnames.update(deleted.id, (record) => ({
        record: { ...record, ownership: successor.ownership },
        addCertificates: [aCertificate(deleted, 'rsa')],
      }))
      await expect(update).rejects.toMatchObject({ kind: 'duplicate' })
      expect(await store.certificates.listByHostname(deleted.id)).toEqual([])
    })
  })
}
