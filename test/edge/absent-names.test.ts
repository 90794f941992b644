import { describe, expect, it } from 'vitest'

import { parseHostname, type Hostname } from '#domain/hostname.ts'
import { AbsentNames } from '#edge/absent-names.ts'
import { fakeClock } from '#test/fake-clock.ts'

const name = (text: string): Hostname => parseHostname(text, { allowReservedTlds: true })

describe('names known to be absent', () => {
  it('are believed for a while', async () => {
    const clock = fakeClock()
    const absent = new AbsentNames({ clock, ttlMs: 1_000 })
    absent.addNothing(name('a.b.test'))
    await clock.advance(999)
    expect(absent.hasNoOwn(name('a.b.test'))).toBe(true)
    expect(absent.hasNoWildcard(name('b.test'))).toBe(true)
    await clock.advance(1)
    expect(absent.hasNoOwn(name('a.b.test'))).toBe(false)
    expect(absent.hadNoOwn(name('a.b.test'))).toBe(true)
  })

  it('say nothing of the wildcard when the directory answered with it', () => {
    const absent = new AbsentNames({ clock: fakeClock() })
    absent.addNoOwn(name('a.b.test'))
    expect(absent.hasNoOwn(name('a.b.test'))).toBe(true)
    expect(absent.hasNoWildcard(name('b.test'))).toBe(false)
  })

  it('are forgotten when they are published, as a name and as a wildcard', () => {
    const absent = new AbsentNames({ clock: fakeClock() })
    absent.addNothing(name('a.b.test'))
    absent.addNothing(name('b.test'))
    absent.forget(name('b.test'))
    expect(absent.hasNoOwn(name('b.test'))).toBe(false)
    expect(absent.hasNoWildcard(name('b.test'))).toBe(false)
    expect(absent.hasNoOwn(name('a.b.test'))).toBe(true)
  })

  it('never are more than the limit', () => {
    const absent = new AbsentNames({ clock: fakeClock(), maxFacts: 10 })
    for (let i = 0; i < 1_000; i++) absent.addNothing(name(`x${i}.y${i}.test`))
    expect(absent.size).toBe(10)
  })
})
