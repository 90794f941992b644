import type { Clock } from '#lib/clock.ts'

interface Waiting {
  at: number
  fire: () => void
}

export interface FakeClock extends Clock {
  /** Moves time on and fires what became due, in order of time, letting promises settle between. */
  advance(ms: number): Promise<void>
  /** Sets time without firing anything: a clock that jumped. */
  jump(to: number): void
  /** When the earliest timer is due, or undefined. */
  nextDue(): number | undefined
}

/** A clock that only moves when told to. */
export function fakeClock(startAt = Date.UTC(2026, 10, 23)): FakeClock {
  let now = startAt
  const waiting = new Set<Waiting>()
  const add = (ms: number, fire: () => void): Waiting => {
    const entry = { at: now + Math.max(0, ms), fire }
    waiting.add(entry)
    return entry
  }
  const earliest = (): Waiting | undefined =>
    [...waiting].reduce<Waiting | undefined>((a, b) => (a && a.at <= b.at ? a : b), undefined)

  return {
    now: () => now,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason)
        const entry = add(ms, resolve)
        signal?.addEventListener(
          'abort',
          () => {
            waiting.delete(entry)
            reject(signal.reason)
          },
          { once: true },
        )
      }),
    after(ms, callback) {
      const entry = add(ms, callback)
      return { cancel: () => void waiting.delete(entry) }
    },
    async advance(ms) {
      const end = now + ms
      await settle()
      for (let next = earliest(); next && next.at <= end; next = earliest()) {
        now = Math.max(now, next.at)
        waiting.delete(next)
        next.fire()
        await settle()
      }
      now = end
      await settle()
    },
    jump: (to) => {
      now = to
    },
    nextDue: () => earliest()?.at,
  }
}

/** Lets promise chains and immediate I/O callbacks run. */
async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve))
}
