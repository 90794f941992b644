import { describe, expect, it } from 'vitest'

import { withNextSerial, type CustomHostname } from '#domain/custom-hostname.ts'
import { parseHostname } from '#domain/hostname.ts'
import {
  aCertificate,
  aHostname,
  anActiveHostname,
  anOrder,
  aZone,
  NOON,
  withIssuance,
} from '#test/records.ts'

import { createAll, drainOutbox, openWithZone, type OpenStore } from './store-under-test.ts'

const removing = ({ deployment }: CustomHostname): CustomHostname['removal'] => ({
  requestedAt: NOON,
  serial: deployment.serial,
})

export function hostnamesContract(open: OpenStore): void {
  describe('custom hostnames', () => {
    it.each(Object.entries(recordsOfEveryState()))(
      'come back as they went in: %s',
      async (_, record) => {
        await using opened = await openWithZone(open)
        await opened.store.hostnames.create(record)
        expect(await opened.store.hostnames.find(record.id)).toEqual(record)
        await opened.store.hostnames.update(record.id, (read) => ({ record: read }))
        expect(await opened.store.hostnames.find(record.id)).toEqual(record)
      },
    )

    it('are undefined where there is none', async () => {
      await using opened = await openWithZone(open)
      const { hostnames } = opened.store
      expect(await hostnames.find('nobody')).toBeUndefined()
      expect(await hostnames.listByName(parseHostname('no.customer.com'))).toEqual([])
      expect(await hostnames.update('nobody', (record) => ({ record }))).toBeUndefined()
      expect(await hostnames.remove('nobody')).toBe(false)
    })

    it('are created with the outbox row that announces them', async () => {
      await using opened = await openWithZone(open)
      const record = aHostname()
      await opened.store.hostnames.create(record)
      const row = { hostnameId: record.id, serial: record.deployment.serial }
      expect(await opened.store.outbox.list(10)).toEqual([row])
    })

    it('tell whether there is one below a name, in a zone', async () => {
      await using opened = await openWithZone(open)
      const { hostnames, zones } = opened.store
      await zones.create(aZone({ id: 'f'.repeat(32), name: 'other.com' }))
      const record = aHostname({ hostname: parseHostname('shop-1.eu.tenant.com') })
      await hostnames.create(record)
      const isAbove = (name: string, zoneId = aZone().id): Promise<boolean> =>
        hostnames.hasNameBelow(zoneId, parseHostname(name, { allowReservedTlds: true }))
      for (const name of ['eu.tenant.com', 'tenant.com']) expect(await isAbove(name)).toBe(true)
      for (const name of ['shop-1.eu.tenant.com', 'nant.com', 'shop.eu.tenant.com', 'u.tenant.com'])
        expect(await isAbove(name)).toBe(false)
      expect(await isAbove('tenant.com', 'f'.repeat(32))).toBe(false)
      await hostnames.remove(record.id)
      expect(await isAbove('tenant.com')).toBe(false)
    })

    it('refuse a name that the zone has, and leave no outbox row behind', async () => {
      await using opened = await openWithZone(open)
      const { hostnames, outbox } = opened.store
      const first = aHostname()
      await hostnames.create(first)
      const second = hostnames.create(aHostname({ hostname: first.hostname }))
      await expect(second).rejects.toMatchObject({ name: 'StoreError', kind: 'duplicate' })
      await expect(second).rejects.toThrow(first.hostname)
      const sameId = hostnames.create(aHostname({ id: first.id }))
      await expect(sameId).rejects.toMatchObject({ kind: 'duplicate' })
      expect(await outbox.list(10)).toHaveLength(1)
      expect(await hostnames.count(first.zoneId)).toBe(1)
    })

    it('are counted over all zones', async () => {
      await using opened = await openWithZone(open)
      const { hostnames, zones } = opened.store
      expect(await hostnames.countAll()).toBe(0)
      await zones.create(aZone({ id: 'ff'.repeat(16), name: 'other.com' }))
      await hostnames.create(aHostname())
      await hostnames.create(aHostname({ zoneId: 'ff'.repeat(16) }))
      expect(await hostnames.countAll()).toBe(2)
    })

    it('refuse a zone that does not exist', async () => {
      await using opened = await openWithZone(open)
      const create = opened.store.hostnames.create(aHostname({ zoneId: 'gone' }))
      await expect(create).rejects.toMatchObject({ kind: 'no-such-zone' })
    })

    it('may have the same name in two zones', async () => {
      await using opened = await openWithZone(open)
      const { hostnames, zones } = opened.store
      const other = aZone({ id: 'b'.repeat(32), name: 'other' })
      await zones.create(other)
      const first = aHostname()
      const second = aHostname({ hostname: first.hostname, zoneId: other.id }, NOON + 1)
      await createAll(opened.store, [first, second])
      const listed = await hostnames.listByName(first.hostname)
      expect(listed.map(({ id }) => id)).toEqual([first.id, second.id])
    })

    it('keep their name while they are under removal', async () => {
      await using opened = await openWithZone(open)
      const { hostnames } = opened.store
      const record = aHostname()
      await hostnames.create(record)
      await hostnames.update(record.id, (read) => ({
        record: { ...read, removal: removing(read) },
      }))
      expect(await hostnames.listByName(record.hostname)).toHaveLength(1)
      await expect(
        hostnames.create(aHostname({ hostname: record.hostname })),
      ).rejects.toMatchObject({ kind: 'duplicate' })
    })

    it('free their name when ownership is deleted, and cannot be revived once it is taken', async () => {
      await using opened = await openWithZone(open)
      const { hostnames } = opened.store
      const ownership = { state: 'deleted', since: NOON, errors: [] } as const
      const old = aHostname({ ownership })
      const successor = aHostname({ hostname: old.hostname })
      await hostnames.create(old)
      await hostnames.create(successor)

      const revive = hostnames.update(old.id, (record) => ({
        record: { ...record, ownership: successor.ownership },
      }))
      await expect(revive).rejects.toMatchObject({ kind: 'duplicate' })
      expect((await hostnames.find(old.id))?.ownership).toEqual(ownership)
      const removal = removing(old)
      await hostnames.update(old.id, (record) => ({ record: { ...record, removal } }))
      expect((await hostnames.find(old.id))?.removal).toEqual(removal)
    })

    it('stay as they are when the change returns nothing or throws', async () => {
      await using opened = await openWithZone(open)
      const { hostnames } = opened.store
      const record = aHostname()
      await hostnames.create(record)
      expect(await hostnames.update(record.id, () => undefined)).toEqual(record)
      const refused = new Error('refused')
      const update = hostnames.update(record.id, () => {
        throw refused
      })
      await expect(update).rejects.toBe(refused)
      expect(await hostnames.find(record.id)).toEqual(record)
    })

    it('refuse a change of id or zone, and a certificate of another', async () => {
      await using opened = await openWithZone(open)
      const { hostnames } = opened.store
      const [record, other] = [aHostname(), aHostname()]
      await createAll(opened.store, [record, other])
      const renamed = hostnames.update(record.id, (read) => ({ record: { ...read, id: 'x' } }))
      await expect(renamed).rejects.toThrow(TypeError)
      const foreign = hostnames.update(record.id, (read) => ({
        record: read,
        addCertificates: [aCertificate(other, 'ecdsa')],
      }))
      await expect(foreign).rejects.toThrow(TypeError)
    })

    it('are announced by an update exactly when their serial grew', async () => {
      await using opened = await openWithZone(open)
      const { hostnames, outbox } = opened.store
      const record = aHostname()
      await hostnames.create(record)
      await drainOutbox(opened.store)
      await hostnames.update(record.id, (read) => ({
        record: { ...read, customOriginSni: 'x.com' },
      }))
      expect(await outbox.list(10)).toEqual([])
      const updated = await hostnames.update(record.id, (read) => ({
        record: withNextSerial(read),
      }))
      const serial = record.deployment.serial + 1
      expect(updated?.deployment.serial).toBe(serial)
      expect(await outbox.list(10)).toEqual([{ hostnameId: record.id, serial }])
    })

    it('are removed with their certificates and their outbox row', async () => {
      await using opened = await openWithZone(open)
      const { hostnames, certificates, outbox } = opened.store
      const record = aHostname()
      const certificate = aCertificate(record, 'rsa')
      await hostnames.create(record)
      await hostnames.update(record.id, (read) => ({
        record: read,
        addCertificates: [certificate],
      }))
      expect(await hostnames.remove(record.id)).toBe(true)
      expect(await hostnames.find(record.id)).toBeUndefined()
      expect(await certificates.find(certificate.id)).toBeUndefined()
      expect(await outbox.list(10)).toEqual([])
      expect(await hostnames.count(record.zoneId)).toBe(0)
    })

    it('are all read in batches in order of id, also while they come and go', async () => {
      await using opened = await openWithZone(open)
      const { hostnames } = opened.store
      const records = Array.from({ length: 7 }, () => aHostname())
      await createAll(opened.store, records)
      const sizes: number[] = []
      const ids: string[] = []
      for await (const batch of hostnames.all({ batchSize: 3 })) {
        if (sizes.length === 0) await hostnames.remove(records[0]?.id ?? '')
        sizes.push(batch.length)
        ids.push(...batch.map(({ id }) => id))
      }
      expect(sizes).toEqual([3, 3, 1])
      expect(ids).toEqual(records.map(({ id }) => id).sort())
    })

    it('that wait for the edges are listed in the order in which the edges reach them', async () => {
      await using opened = await openWithZone(open)
      const { hostnames, outbox } = opened.store
      const unpublished = aHostname()
      const [late, early, done, gone] = [aHostname(), aHostname(), aHostname(), anActiveHostname()]
      await createAll(opened.store, [unpublished, late, early, done, gone])
      const publish = (record: CustomHostname, changeId: string) =>
        outbox.complete({ hostnameId: record.id, serial: record.deployment.serial }, changeId)
      await publish(late, '30')
      await publish(early, '20')
      await publish(done, '10')
      const { serial } = done.deployment
      await hostnames.update(done.id, (record) => ({
        record: { ...record, deployment: { ...record.deployment, appliedSerial: serial } },
      }))
      await hostnames.update(gone.id, (record) => ({
        record: { ...record, removal: removing(record) },
      }))
      const ids = async (limit: number) =>
        (await hostnames.listUndeployed(limit)).map(({ id }) => id)
      expect(await ids(10)).toEqual([gone.id, early.id, late.id, unpublished.id])
      expect(await ids(2)).toEqual([gone.id, early.id])
    })
  })
}

/** Every variant of every union, and every field that may be absent. */
function recordsOfEveryState(): Record<string, CustomHostname> {
  const fresh = aHostname()
  const order = anOrder()
  const opened = { order, since: NOON, nextAt: NOON, failures: 1 }
  const sealed = { certificateId: 'c', sealedKey: 'c2VhbGVk' }
  return {
    fresh,
    active: anActiveHostname(),
    'without a certificate': aHostname({ ssl: undefined, chains: [] }),
    'all fields set': aHostname({
      customMetadata: { a: [1, 'x', null, { b: true }], ['__proto__']: 'own' },
      customOriginServer: 'Origin.Customer.com:8443',
      customOriginSni: ':request_host_header:',
      ssl: {
        packId: 'pack',
        method: 'txt',
        type: 'dv',
        certificateAuthority: 'google',
        bundleMethod: 'force',
        wildcard: true,
        branding: false,
        settings: {
          http2: 'off',
          tls_1_3: 'on',
          min_tls_version: '1.2',
          early_hints: 'on',
          ciphers: ['ECDHE-RSA-AES128-GCM-SHA256'],
        },
      },
      removal: { requestedAt: NOON, serial: 2 },
    }),
    'ownership moved': aHostname({
      ownership: { state: 'moved', since: NOON, nextAt: NOON + 1, errors: ['why'] },
    }),
    'ownership deleted': aHostname({ ownership: { state: 'deleted', since: NOON, errors: [] } }),
    'ownership blocked': aHostname({
      ownership: { state: 'blocked', since: NOON, reason: 'held' },
    }),
    'scheduled again': withIssuance(fresh, 'rsa', {
      state: 'scheduled',
      nextAt: NOON,
      failures: 2,
      problem: 'no',
    }),
    ordered: withIssuance(fresh, 'ecdsa', {
      state: 'ordered',
      ...opened,
      attempts: 3,
      problem: '?',
    }),
    validating: withIssuance(fresh, 'ecdsa', { state: 'validating', ...opened }),
    finalizing: withIssuance(fresh, 'ecdsa', { state: 'finalizing', ...opened, ...sealed }),
    deploying: withIssuance(fresh, 'ecdsa', {
      state: 'deploying',
      certificateId: 'c',
      serial: 2,
      renewAt: NOON + 2,
      nextAt: NOON + 1,
      failures: 0,
    }),
    'timed out': withIssuance(fresh, 'rsa', {
      state: 'timed_out',
      phase: 'issuance',
      since: NOON,
      problem: 'gave up',
    }),
  }
}
