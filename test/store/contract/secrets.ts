import { describe, expect, it } from 'vitest'

import type { OpenStore } from './store-under-test.ts'

export function secretsContract(open: OpenStore): void {
  describe('secrets', () => {
    it('are undefined where there is none', async () => {
      await using opened = await open()
      expect(await opened.store.secrets.find('account')).toBeUndefined()
    })

    it('come back as they went in', async () => {
      await using opened = await open()
      const { secrets } = opened.store
      const value = Buffer.of(0, 1, 254, 255)
      expect(await secrets.putIfAbsent('account', value)).toEqual(value)
      expect(await secrets.find('account')).toEqual(value)
      expect(await secrets.putIfAbsent('empty', Buffer.alloc(0))).toEqual(Buffer.alloc(0))
    })

    it('stay with the first writer, and both writers get the same', async () => {
      await using opened = await open()
      await using other = await opened.openAgain()
      const written = await Promise.all([
        opened.store.secrets.putIfAbsent('account', Buffer.from('one')),
        other.secrets.putIfAbsent('account', Buffer.from('two')),
        opened.store.secrets.putIfAbsent('account', Buffer.from('three')),
      ])
      expect(new Set(written.map(String)).size).toBe(1)
      expect(String(await other.secrets.find('account'))).toBe(String(written[0]))
    })
  })
}
