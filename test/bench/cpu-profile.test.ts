import { describe, expect, it } from 'vitest'

import { readCpuProfile, topFunctions } from '../../bench/cpu-profile.ts'

const frame = (functionName: string): object => ({ functionName, url: '', lineNumber: 0 })
const profile = readCpuProfile(
  JSON.stringify({
    startTime: 1_000,
    nodes: [
      { id: 1, callFrame: frame('(idle)') },
      { id: 2, callFrame: frame('parse') },
      { id: 3, callFrame: frame('send') },
      { id: 4, callFrame: frame('parse') },
    ],
    samples: [3, 2, 1, 4, 3],
    timeDeltas: [100, 100, 500, 200, 100],
  }),
)

describe('the functions of a CPU profile', () => {
  it('are ordered by the time they took themselves, wherever they were called from', () => {
    const all = { from: 0, to: 10_000 }
    expect(topFunctions(profile, all)).toEqual([' 60.0 %  parse', ' 40.0 %  send'])
  })

  it('count only within the window', () => {
    const afterFirst = { from: 1_150, to: 10_000 }
    expect(topFunctions(profile, afterFirst)).toEqual([' 75.0 %  parse', ' 25.0 %  send'])
  })

  it('are refused when the file is something else', () => {
    expect(() => readCpuProfile('{"samples": []}')).toThrow(/startTime/)
  })
})
