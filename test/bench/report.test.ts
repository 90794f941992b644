import { describe, expect, it } from 'vitest'

import { median, renderMarkdown, type Report } from '../../bench/report.ts'
import { missedThresholds } from '../../bench/thresholds.ts'

type Numbers = Record<string, Record<string, number[]>>

function reportOf(numbers: Numbers): Report {
  const measurements = Object.entries(numbers).flatMap(([row, byOpponent]) =>
    Object.entries(byOpponent).flatMap(([opponent, values]) =>
      values.map((microseconds, index) => ({
        row,
        opponent,
        microseconds,
        round: index + 1,
        requests: 100,
        failures: 0,
        problems: [],
        busy: 1,
        foreign: 0.01,
      })),
    ),
  )
  const names = [...new Set(measurements.map(({ opponent }) => opponent))]
  return {
    date: '2026-11-23',
    commit: 'abc1234',
    machine: 'a machine',
    rounds: 3,
    opponents: names.map((name) => ({ name, version: '1' })),
    rows: Object.keys(numbers).map((key) => ({ key, title: `Row ${key}` })),
    measurements,
    autocannon: {},
  }
}

const good: Numbers = {
  http1: {
    nginx: [16],
    Custos: [35],
    'https + http-proxy': [60],
    Caddy: [55],
  },
  http2: { nginx: [15], Custos: [40], Caddy: [113] },
}

describe('the median', () => {
  it('is the middle one, or between the middle two', () => {
    expect(median([3, 100, 1])).toBe(3)
    expect(median([4, 1, 2, 100])).toBe(3)
  })
})

describe('the table', () => {
  it('has medians, ratios to nginx, and a dash where nothing was measured', () => {
    const table = renderMarkdown(
      reportOf({
        http1: { nginx: [10, 12, 90], 'https + http-proxy': [60] },
        http2: { nginx: [200] },
      }),
    )
    expect(table).toContain('| Row http1 ')
    expect(table).toMatch(/\| Row http1 +\| +12\.0 \| +60\.0 \(5\.00\) \|/)
    expect(table).toMatch(/\| Row http2 +\| +200 \| +– \|/)
    expect(table).toContain('2026-11-23, commit abc1234, a machine, median of 3 rounds.')
  })
})

describe('a report of a busy machine', () => {
  it('says that it is doubtful', () => {
    const quiet = reportOf({ http1: { nginx: [10, 12, 14] } })
    const busy = { ...quiet, measurements: quiet.measurements.map((m) => ({ ...m, foreign: 0.3 })) }
    expect(renderMarkdown(quiet)).not.toContain('Doubtful')
    expect(renderMarkdown(busy)).toContain('Doubtful: other processes used 30 %')
  })
})

describe('the thresholds', () => {
  it('hold for a Custos that is below the others and within 2.2 × nginx', () => {
    expect(missedThresholds(reportOf(good))).toEqual([])
  })

  it('are missed above 2.2 × nginx on HTTP/1.1', () => {
    const slow = { ...good, http1: { ...good['http1'], Custos: [36] } }
    expect(missedThresholds(reportOf(slow))).toEqual(['http1: 2.25 × nginx, at most 2.2 allowed'])
  })

  it('are missed where another is as fast', () => {
    const slow = { ...good, http2: { nginx: [15], Custos: [113], Caddy: [113] } }
    expect(missedThresholds(reportOf(slow))).toEqual(["http2: 113.0 µs is not below Caddy's 113.0"])
  })

  it('are missed where somebody was not measured', () => {
    const { nginx, Custos, Caddy } = { nginx: [16], Custos: [35], Caddy: [55] }
    expect(missedThresholds(reportOf({ http1: { nginx, Caddy } }))).toEqual([
      'http1: Custos was not measured',
    ])
    expect(missedThresholds(reportOf({ http1: { Custos, Caddy } }))).toEqual([
      'http1: https + http-proxy was not measured',
      'http1: nginx was not measured',
    ])
  })
})
