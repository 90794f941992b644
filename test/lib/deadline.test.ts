import { describe, expect, it } from 'vitest'

import { startDeadline } from '#lib/deadline.ts'

import { fakeClock } from '#test/fake-clock.ts'

describe('a deadline', () => {
  it('aborts when the time is over, and says so', async () => {
    const clock = fakeClock()
    using deadline = startDeadline(1_000, { clock })
    await clock.advance(999)
    expect(deadline.signal.aborted).toBe(false)
    await clock.advance(1)
    expect(deadline.isOver).toBe(true)
    expect(deadline.signal.reason).toMatchObject({ name: 'TimeoutError' })
  })

  it('aborts with the reason that was given', async () => {
    const clock = fakeClock()
    const reason = new Error('It took too long.')
    using deadline = startDeadline(1_000, { clock, reason })
    await clock.advance(1_000)
    expect(deadline.signal.reason).toBe(reason)
  })

  it('aborts with the outer signal, without being over', () => {
    const outer = new AbortController()
    using deadline = startDeadline(1_000, { clock: fakeClock(), signal: outer.signal })
    outer.abort(new Error('closing'))
    expect(deadline.signal.reason).toBe(outer.signal.reason)
    expect(deadline.isOver).toBe(false)
  })

  it('gives up what still runs when the work is done, and leaves no timer', async () => {
    const clock = fakeClock()
    const deadline = startDeadline(1_000, { clock })
    deadline[Symbol.dispose]()
    await clock.advance(2_000)
    expect(deadline.signal.aborted).toBe(true)
    expect(deadline.isOver).toBe(false)
  })
})
