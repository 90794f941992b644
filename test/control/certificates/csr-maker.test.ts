import { expect, it } from 'vitest'

import { createCsrMaker } from '#control/certificates/csr-maker.ts'
import { systemClock } from '#lib/clock.ts'
import { systemRandom } from '#lib/random.ts'
import { createSealer } from '#lib/sealing.ts'
import { CrowdedError } from '#lib/turns.ts'
import { aCsr } from '#test/records.ts'

/** Attack: a flood of requests for keys, which would keep orders from getting theirs. */
it('keys are made in turns, and a flood of requests for them is turned away', async () => {
  const sealer = createSealer([Buffer.alloc(32, 1)])
  const common = { sealer, clock: systemClock, random: systemRandom }
  const maker = createCsrMaker({ ...common, maxWaiting: 1 })
  const made = Array.from({ length: 5 }, () => maker.make(aCsr()))
  const settled = await Promise.allSettled(made)
  const turnedAway = settled.flatMap((each) => (each.status === 'rejected' ? each.reason : []))
  expect(turnedAway).toEqual([expect.any(CrowdedError), expect.any(CrowdedError)])
  expect((await maker.make(aCsr())).csr.length).toBeGreaterThan(0)
})
