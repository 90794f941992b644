import type { Random } from '#lib/random.ts'

/** The same numbers for the same seed: a run can be repeated. Mulberry32. */
export function createSeededRandom(seed: number): Random {
  let state = seed >>> 0
  let ids = 0
  return {
    fraction() {
      state = (state + 0x6d2b79f5) >>> 0
      let mixed = Math.imul(state ^ (state >>> 15), state | 1)
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
    },
    uuid: () => `00000000-0000-4000-8000-${(++ids).toString(16).padStart(12, '0')}`,
    bytes: () => {
      throw new Error('nothing of the simulation makes secrets')
    },
  }
}

/** A whole number from 0 to below `count`. */
export function drawBelow(count: number, random: Random): number {
  return Math.floor(random.fraction() * count)
}
