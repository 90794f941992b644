import { describe, expect, it } from 'vitest'

import type { CustomCsr } from '#domain/custom-csr.ts'
import type { Store } from '#store/store.ts'
import { aCertificate, aCsr, aHostname, aZone, NOON } from '#test/records.ts'

import { openWithZone, type OpenStore } from './store-under-test.ts'

const ALL = { page: 1, perPage: 50 }
const zoneId = aZone().id

async function createAll(store: Store, csrs: readonly CustomCsr[]): Promise<void> {
  for (const csr of csrs) await store.csrs.create(csr)
}

async function idsOf(
  store: Store,
  ...args: Parameters<Store['csrs']['list']>
): Promise<{ ids: string[]; total: number }> {
  const { items, total } = await store.csrs.list(...args)
  return { ids: items.map(({ id }) => id), total }
}

export function csrsContract(open: OpenStore): void {
  describe('custom CSRs', () => {
    it('come back as they went in', async () => {
      await using opened = await openWithZone(open)
      const { store } = opened
      const { subject } = aCsr()
      const full = aCsr({
        zoneId,
        keyAlgorithm: 'ecdsa',
        subject: { ...subject, organizationalUnit: 'Shops' },
        sans: ['a.customer.com', '*.a.customer.com'],
        name: 'the shop',
        description: 'for the shop',
      })
      await createAll(store, [full, aCsr()])
      expect(await store.csrs.find(full.id)).toEqual(full)
      expect(await store.csrs.find('nobody')).toBeUndefined()
    })

    it('are listed by zone, or those of no zone, in order of creation or of name', async () => {
      await using opened = await openWithZone(open)
      const { store } = opened
      const first = aCsr({ zoneId, createdAt: NOON, name: 'b' })
      const second = aCsr({ zoneId, createdAt: NOON + 1, name: 'a' })
      const ours = aCsr({ createdAt: NOON + 2 })
      await createAll(store, [second, ours, first])
      const both = { ids: [first.id, second.id], total: 2 }
      const turned = { ids: [second.id, first.id], total: 2 }
      expect(await idsOf(store, zoneId, ALL)).toEqual(both)
      expect(await idsOf(store, zoneId, { ...ALL, direction: 'desc' })).toEqual(turned)
      expect(await idsOf(store, zoneId, { ...ALL, order: 'name' })).toEqual(turned)
      expect(await idsOf(store, undefined, ALL)).toEqual({ ids: [ours.id], total: 1 })
      const page = { page: 2, perPage: 1 }
      expect(await idsOf(store, zoneId, page)).toEqual({ ids: [second.id], total: 2 })
      expect(await idsOf(store, 'nowhere', ALL)).toEqual({ ids: [], total: 0 })
    })

    it('need a zone that is there and an id of their own', async () => {
      await using opened = await openWithZone(open)
      const { store } = opened
      const csr = aCsr()
      await store.csrs.create(csr)
      const again = store.csrs.create({ ...csr, zoneId })
      await expect(again).rejects.toMatchObject({ kind: 'duplicate' })
      const stray = store.csrs.create(aCsr({ zoneId: 'nowhere' }))
      await expect(stray).rejects.toMatchObject({ kind: 'no-such-zone' })
    })

    it('cannot be removed while a certificate has their key', async () => {
      await using opened = await openWithZone(open)
      const { store } = opened
      const csr = aCsr({ zoneId })
      await store.csrs.create(csr)
      const record = aHostname()
      const certificate = { ...aCertificate(record, 'rsa'), csrId: csr.id }
      await store.hostnames.create(record, { certificates: [certificate] })
      expect(await store.certificates.find(certificate.id)).toMatchObject({ csrId: csr.id })
      await expect(store.csrs.remove(csr.id)).rejects.toMatchObject({ kind: 'in-use' })
      await store.hostnames.remove(record.id)
      expect(await store.csrs.remove(csr.id)).toBe(true)
      expect(await store.csrs.remove(csr.id)).toBe(false)
      expect(await store.csrs.find(csr.id)).toBeUndefined()
    })

    it('must be there when a certificate comes that has their key', async () => {
      await using opened = await openWithZone(open)
      const { store } = opened
      const record = aHostname()
      const certificate = { ...aCertificate(record, 'rsa'), csrId: aCsr().id }
      const create = store.hostnames.create(record, { certificates: [certificate] })
      await expect(create).rejects.toMatchObject({ kind: 'no-such-csr' })
      expect(await store.hostnames.find(record.id)).toBeUndefined()
    })

    it('go with their zone', async () => {
      await using opened = await openWithZone(open)
      const { store } = opened
      const csr = aCsr({ zoneId })
      await store.csrs.create(csr)
      expect(await store.zones.remove(zoneId)).toBe(true)
      expect(await store.csrs.find(csr.id)).toBeUndefined()
    })
  })
}
