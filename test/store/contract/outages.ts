import { describe, expect, it } from 'vitest'

import { NOON } from '#test/records.ts'

import type { OpenStore } from './store-under-test.ts'

export function outagesContract(open: OpenStore): void {
  describe('outages', () => {
    it('are known to the next process, the newest of each CA', async () => {
      await using opened = await open()
      const { outages } = opened.store
      expect(await outages.list()).toEqual([])
      const one = { ca: 'one', reached: NOON - 5.5, at: NOON, isAway: true }
      const other = { ca: 'other', reached: NOON, at: NOON + 1, isAway: false }
      for (const progress of [other, { ...one, at: 1, isAway: false }, one]) {
        await outages.put(progress)
      }
      await using again = await opened.openAgain()
      expect(await again.outages.list()).toEqual([{ ...one, reached: NOON - 6 }, other])
    })
  })
}
