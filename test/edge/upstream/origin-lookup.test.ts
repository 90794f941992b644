import type { LookupAddress } from 'node:dns'

import { describe, expect, it } from 'vitest'

import { createOriginLookup } from '#edge/upstream/origin-lookup.ts'
import { fakeClock } from '#test/fake-clock.ts'

const ADDRESS: LookupAddress[] = [{ address: '192.0.2.1', family: 4 }]

function lookUp(
  lookup: ReturnType<typeof createOriginLookup>,
  host: string,
  all = true,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    lookup(host, { all }, (error, address, family) =>
      error ? reject(error) : resolve(all ? address : [address, family]),
    )
  })
}

describe('looking origins up', () => {
  it('takes names under .localhost for loopback without asking', async () => {
    const lookup = createOriginLookup({
      clock: fakeClock(),
      resolve: () => Promise.reject(new Error('asked')),
    })
    for (const host of ['localhost', 'origin.localhost']) {
      expect(await lookUp(lookup, host, false)).toEqual(['127.0.0.1', 4])
    }
  })

  it('asks once for look-ups that overlap, and again after a while', async () => {
    const clock = fakeClock()
    let asked = 0
    const resolve = async (): Promise<LookupAddress[]> => {
      asked++
      return ADDRESS
    }
    const lookup = createOriginLookup({ clock, resolve, cacheMs: 1000 })
    const all = await Promise.all([1, 2, 3].map(() => lookUp(lookup, 'o.test')))
    expect(all).toEqual([ADDRESS, ADDRESS, ADDRESS])
    expect(asked).toBe(1)
    await clock.advance(1001)
    await lookUp(lookup, 'o.test')
    expect(asked).toBe(2)
  })

  it('never remembers a failure, and calls every failure one of the look-up', async () => {
    let fails = true
    const resolve = (): Promise<LookupAddress[]> =>
      fails ? Promise.reject(new Error('server failure')) : Promise.resolve(ADDRESS)
    const lookup = createOriginLookup({ clock: fakeClock(), resolve })
    await expect(lookUp(lookup, 'o.test')).rejects.toMatchObject({ syscall: 'getaddrinfo' })
    fails = false
    expect(await lookUp(lookup, 'o.test')).toEqual(ADDRESS)
  })

  it('fails where there is no address', async () => {
    const lookup = createOriginLookup({ clock: fakeClock(), resolve: async () => [] })
    await expect(lookUp(lookup, 'o.test')).rejects.toMatchObject({ code: 'ENOTFOUND' })
  })

  it('remembers no more names than its bound', async () => {
    let asked = 0
    const resolve = async (): Promise<LookupAddress[]> => {
      asked++
      return ADDRESS
    }
    const lookup = createOriginLookup({ clock: fakeClock(), resolve, maxNames: 2 })
    for (const host of ['a.test', 'b.test', 'c.test', 'a.test']) await lookUp(lookup, host)
    expect(asked).toBe(4)
  })
})
