import { describe, expect, it } from 'vitest'

import { SingleFlight } from '#lib/single-flight.ts'

function controlled(): {
  flights: SingleFlight<string, number>
  started: PromiseWithResolvers<number>[]
  run: (key: string) => Promise<number>
} {
  const flights = new SingleFlight<string, number>()
  const started: PromiseWithResolvers<number>[] = []
  const run = (key: string): Promise<number> =>
    flights.run(key, () => {
      const execution = Promise.withResolvers<number>()
      started.push(execution)
      return execution.promise
    })
  return { flights, started, run }
}

describe('SingleFlight', () => {
  it('lets overlapping calls for a key share one execution', async () => {
    const { flights, started, run } = controlled()
    const calls = [run('a'), run('a'), run('a')]
    expect([started.length, flights.size]).toEqual([1, 1])
    started[0]?.resolve(7)
    expect(await Promise.all(calls)).toEqual([7, 7, 7])
  })

  it('keeps keys apart', async () => {
    const { flights, started, run } = controlled()
    const calls = [run('a'), run('b')]
    expect([started.length, flights.size]).toEqual([2, 2])
    started[1]?.resolve(2)
    started[0]?.resolve(1)
    expect(await Promise.all(calls)).toEqual([1, 2])
  })

  it('executes again once the first has settled', async () => {
    const { flights, started, run } = controlled()
    const first = run('a')
    started[0]?.resolve(1)
    await first
    expect(flights.size).toBe(0)
    const second = run('a')
    started[1]?.resolve(2)
    expect(await second).toBe(2)
  })

  it('shares a failure with those who wait and keeps it for nobody', async () => {
    const { flights, started, run } = controlled()
    const failing = Promise.allSettled([run('a'), run('a')])
    started[0]?.reject(new Error('down'))
    expect((await failing).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    expect(flights.size).toBe(0)
    const next = run('a')
    started[1]?.resolve(3)
    expect(await next).toBe(3)
  })
})
