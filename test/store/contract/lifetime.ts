import { describe, expect, it } from 'vitest'

import { aHostname, aZone } from '#test/records.ts'

import { openWithZone, type OpenStore } from './store-under-test.ts'

export function lifetimeContract(open: OpenStore): void {
  describe('the store', () => {
    it('has everything again after it was closed and opened', async () => {
      await using opened = await openWithZone(open)
      const record = aHostname()
      await opened.store.hostnames.create(record)
      await opened.store.secrets.putIfAbsent('account', Buffer.from('key'))
      await opened.store.close()
      await using again = await opened.openAgain()
      expect(await again.zones.find(aZone().id)).toEqual(aZone())
      expect(await again.hostnames.find(record.id)).toEqual(record)
      expect(String(await again.secrets.find('account'))).toBe('key')
      expect(await again.outbox.list(10)).toHaveLength(1)
    })

    it('finishes what was called before it closes', async () => {
      await using opened = await openWithZone(open)
      const records = Array.from({ length: 20 }, () => aHostname())
      const creating = records.map((record) => opened.store.hostnames.create(record))
      await opened.store.close()
      await Promise.all(creating)
      await using again = await opened.openAgain()
      expect(await again.hostnames.count(aZone().id)).toBe(20)
    })

    it('closes once for all who ask', async () => {
      await using opened = await open()
      const closing = [opened.store.close(), opened.store.close()]
      await expect(Promise.all(closing)).resolves.toEqual([undefined, undefined])
      await expect(opened.store.close()).resolves.toBeUndefined()
    })

    it('says so when it is used after it was closed', async () => {
      await using opened = await open()
      await opened.store.close()
      const find = opened.store.hostnames.find('x')
      await expect(find).rejects.toMatchObject({ name: 'StoreError', kind: 'unavailable' })
      await expect(opened.store.zones.create(aZone())).rejects.toThrow('closed')
    })
  })
}
