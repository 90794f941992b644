import { describe, expect, it } from 'vitest'

import { Validations } from '#control/ca/local/validations.ts'
import { fakeClock } from '#test/fake-clock.ts'

const HOUR_MS = 3_600_000

describe('the validations of the built-in CA', () => {
  it('take a bounded number of looks at once, and say when to come again', async () => {
    const validations = new Validations({ clock: fakeClock(), reuseMs: HOUR_MS, maxRunning: 2 })
    const first = Promise.withResolvers<undefined>()
    validations.begin(order(1), () => first.promise)
    validations.begin(order(2), () => new Promise(() => {}))
    const third = (): unknown => validations.begin(order(3), async () => undefined)
    expect(third).toThrow(expect.objectContaining({ kind: 'rate-limited', retryAfterMs: 1_000 }))
    first.resolve(undefined)
    await expect.poll(() => validations.find('1')).toEqual({ state: 'valid' })
    expect(third()).toMatchObject({ state: 'running' })
  })

  it('remember a bounded number of outcomes and names, the newest', async () => {
    const clock = fakeClock()
    const validations = new Validations({ clock, reuseMs: HOUR_MS, maxKept: 2 })
    for (const number of [1, 2, 3]) {
      const begun = validations.begin(order(number), async () => undefined)
      if (begun.state === 'running') await begun.settled
    }
    expect(validations.find('1')).toBeUndefined()
    expect(validations.provedUntil('1.test')).toBeUndefined()
    expect(validations.find('3')).toEqual({ state: 'valid' })
    expect(validations.provedUntil('3.test')).toBe(clock.now() + HOUR_MS)
  })

  it('prove nothing by a look that failed', async () => {
    const validations = new Validations({ clock: fakeClock(), reuseMs: HOUR_MS })
    const begun = validations.begin(order(1), async () => 'It is wrong.')
    if (begun.state === 'running') await begun.settled
    expect(validations.find('1')).toEqual({ state: 'invalid', problem: 'It is wrong.' })
    expect(validations.provedUntil('1.test')).toBeUndefined()
  })

  it('know nothing after a look that broke, so that the next asker begins anew', async () => {
    const validations = new Validations({ clock: fakeClock(), reuseMs: HOUR_MS })
    const begun = validations.begin(order(1), () => Promise.reject(new Error('broken')))
    if (begun.state === 'running') await begun.settled
    expect(validations.find('1')).toBeUndefined()
    expect(validations.begin(order(1), async () => undefined)).toMatchObject({ state: 'running' })
  })
})

function order(number: number): { id: string; name: string } {
  return { id: String(number), name: `${number}.test` }
}
