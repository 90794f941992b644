import { describe, expect, it } from 'vitest'

import { CrowdedError, Turns } from '#lib/turns.ts'

describe('turns', () => {
  it('run so many side by side, the others in their order, and turn away the rest', async () => {
    const turns = new Turns({ atOnce: 2, maxWaiting: 2 })
    const begun: number[] = []
    const ends = Array.from({ length: 5 }, () => Promise.withResolvers<number>())
    const running = ends.map(({ promise }, n) =>
      turns.run(() => {
        begun.push(n)
        return promise
      }),
    )
    await expect(running[4]).rejects.toThrow(CrowdedError)
    expect(begun).toEqual([0, 1])
    ends[1]?.resolve(1)
    expect(await running[1]).toBe(1)
    expect(begun).toEqual([0, 1, 2])
    for (const [n, { resolve }] of ends.entries()) resolve(n)
    expect(await Promise.all(running.slice(0, 4))).toEqual([0, 1, 2, 3])
    expect(begun).toEqual([0, 1, 2, 3])
  })

  it('pass on after a failure', async () => {
    const turns = new Turns({ atOnce: 1, maxWaiting: 1 })
    const failing = turns.run(() => Promise.reject(new Error('no')))
    const next = turns.run(async () => 'yes')
    await expect(failing).rejects.toThrow('no')
    expect(await next).toBe('yes')
    expect(await turns.run(async () => 'again')).toBe('again')
  })
})
