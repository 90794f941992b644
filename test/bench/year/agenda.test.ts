import * as fc from 'fast-check'
import { expect, it } from 'vitest'

import { Agenda } from '../../../bench/year/agenda.ts'

it('gives what comes first, whatever the order in which it was added', () => {
  const entries = fc.array(fc.record({ at: fc.nat(50), what: fc.nat() }), { maxLength: 200 })
  fc.assert(
    fc.property(entries, fc.nat(20), (all, taken) => {
      const agenda = new Agenda()
      for (const { at, what } of all) agenda.add(at, what)
      const first = Array.from({ length: Math.min(taken, all.length) }, () => agenda.take())
      // Added anew after some were taken, so that the heap has shrunk and grows again.
      for (const entry of first) if (entry) agenda.add(entry.at, entry.what)
      const times = all.map(() => agenda.take()?.at)
      expect(times).toEqual(all.map(({ at }) => at).sort((a, b) => a - b))
      expect(agenda.take()).toBeUndefined()
    }),
  )
})
