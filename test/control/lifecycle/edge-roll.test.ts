import { describe, expect, it } from 'vitest'

import { EdgeRoll } from '#control/lifecycle/edge-roll.ts'
import { HEARTBEAT_TTL_MS, type Heartbeat } from '#directory/directory.ts'

const NOW = 1_000_000

function edge(edgeId: string, applied: string): Heartbeat {
  return { edgeId, applied, at: NOW, version: 'test' }
}

describe('the roll of edges', () => {
  it('counts as applied what the slowest edge has applied', () => {
    expect(new EdgeRoll().observe([edge('a', '5'), edge('b', '3')], NOW)).toBe('3')
  })

  it('knows nothing applied where nobody reports', () => {
    expect(new EdgeRoll().observe([], NOW)).toBeUndefined()
  })

  it('does not wait for an edge that left in good order', () => {
    const roll = new EdgeRoll()
    roll.observe([edge('a', '5'), edge('b', '3')], NOW)
    expect(roll.observe([edge('a', '5')], NOW)).toBe('5')
  })

  it('waits after a loss for the edges that were known, until each is back', () => {
    const roll = new EdgeRoll()
    roll.observe([edge('a', '5'), edge('b', '5')], NOW)
    roll.noteLoss(NOW)
    expect(roll.observe([edge('a', '6')], NOW + 1)).toBeUndefined()
    expect(roll.observe([edge('a', '6'), edge('b', '5')], NOW + 2)).toBe('5')
    expect(roll.observe([edge('a', '6'), edge('b', '6')], NOW + 3)).toBe('6')
  })

  it('gives up on one that is silent for longer than a report lasts', () => {
    const roll = new EdgeRoll()
    roll.observe([edge('a', '5'), edge('b', '5')], NOW)
    roll.noteLoss(NOW)
    expect(roll.observe([edge('a', '6')], NOW + HEARTBEAT_TTL_MS - 1)).toBeUndefined()
    expect(roll.observe([edge('a', '6')], NOW + HEARTBEAT_TTL_MS)).toBe('6')
  })

  it('does not wait for long where the clock was set back', () => {
    const roll = new EdgeRoll()
    roll.observe([edge('a', '5'), edge('b', '5')], NOW)
    roll.noteLoss(NOW)
    expect(roll.observe([edge('a', '6')], NOW - 3_600_000)).toBe('6')
  })
})
