import { describe, expect, it } from 'vitest'

import { SightingCollector } from '#control/lifecycle/sightings.ts'
import type { Heartbeat } from '#directory/directory.ts'
import { hostname } from '#test/sample-binding.ts'

const NOW = 1_000_000

function beat(edgeId: string, ...sequences: number[]): Heartbeat {
  const sightings = sequences.map((sequence) => ({
    sequence,
    kind: 'challenge-fetched' as const,
    name: hostname('app.customer.test'),
    at: NOW + sequence,
    detail: 'http-01 by 192.0.2.1',
  }))
  return { edgeId, applied: '1', at: NOW, version: 'test', ...(sightings[0] && { sightings }) }
}

function collected(collector: SightingCollector, ...beats: Heartbeat[]): string[] {
  return collector.collect(beats).map(({ edgeId, sequence }) => `${edgeId}${sequence}`)
}

describe('the collector of sightings', () => {
  it('hands out each once, however often the reports are read', () => {
    const collector = new SightingCollector()
    expect(collected(collector, beat('a', 1, 2))).toEqual(['a1', 'a2'])
    expect(collected(collector, beat('a', 1, 2))).toEqual([])
    expect(collected(collector, beat('a', 2, 3))).toEqual(['a3'])
    expect(collected(collector, beat('a'))).toEqual([])
    expect(collected(collector, beat('a', 3, 4))).toEqual(['a4'])
    expect(collector.missed).toBe(0)
  })

  it('gives them whole, those of all edges in the order of time', () => {
    const collector = new SightingCollector()
    expect(collected(collector, beat('a', 1, 4), beat('b', 2, 3))).toEqual(['a1', 'b2', 'b3', 'a4'])
    expect(collector.collect([beat('c', 9)])).toEqual([
      { edgeId: 'c', ...beat('c', 9).sightings?.[0] },
    ])
  })

  it('takes an edge that was silent for a while for the same', () => {
    const collector = new SightingCollector()
    collected(collector, beat('a', 1, 2), beat('b', 1))
    collected(collector, beat('b', 1))
    expect(collected(collector, beat('a', 1, 2, 3), beat('b', 1))).toEqual(['a3'])
  })

  it('takes an edge that was started again for another, which counts from one', () => {
    const collector = new SightingCollector()
    collected(collector, beat('before', 1, 2, 3))
    expect(collected(collector, beat('after', 1))).toEqual(['after1'])
  })

  it('does not go back where an older report is read after a newer one', () => {
    const collector = new SightingCollector()
    collected(collector, beat('a', 1, 2, 3))
    expect(collected(collector, beat('a', 1))).toEqual([])
    expect(collected(collector, beat('a', 2, 3, 4))).toEqual(['a4'])
  })

  it('counts what it came too late for, but not what was before it', () => {
    const collector = new SightingCollector()
    expect(collected(collector, beat('a', 50, 51))).toEqual(['a50', 'a51'])
    expect(collector.missed).toBe(0)
    expect(collected(collector, beat('a', 60, 61))).toEqual(['a60', 'a61'])
    expect(collector.missed).toBe(8)
  })

  it('forgets the longest silent of very many edges, not those that report', () => {
    const collector = new SightingCollector()
    collected(collector, beat('gone', 1), beat('live', 1))
    for (let at = 0; at < 16_384; at++) collected(collector, beat(`e${at}`, 1), beat('live', 1))
    expect(collected(collector, beat('live', 1), beat('gone', 1))).toEqual(['gone1'])
  })
})
