import { describe, expect, it } from 'vitest'

import { Metrics, renderMetrics } from '#lib/metrics.ts'

async function linesOf(...metrics: Metrics[]): Promise<string[]> {
  const text = await renderMetrics(await Promise.all(metrics.map((one) => one.snapshot())))
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
}

describe('Metrics', () => {
  it('renders what was counted, by label values', async () => {
    const metrics = new Metrics()
    const requests = metrics.counter({
      name: 'custos_requests_total',
      help: 'Requests.',
      labelNames: ['status'],
    })
    const ok = requests.cell({ status: '2xx' })
    ok.value += 2
    requests.cell({ status: '5xx' }).value++
    ok.value++
    expect(await linesOf(metrics)).toEqual([
      'custos_requests_total{status="2xx"} 3',
      'custos_requests_total{status="5xx"} 1',
    ])
  })

  it('gives the same cell for the same label values', () => {
    const family = new Metrics().counter({ name: 'a_total', help: 'A.', labelNames: ['x'] })
    expect(family.cell({ x: '1' })).toBe(family.cell({ x: '1' }))
    expect(family.cell({ x: '1' })).not.toBe(family.cell({ x: '2' }))
  })

  it('counts once, however often it is scraped', async () => {
    const metrics = new Metrics()
    metrics.counter({ name: 'a_total', help: 'A.' }).cell({}).value = 5
    expect(await linesOf(metrics)).toEqual(['a_total 5'])
    expect(await linesOf(metrics)).toEqual(['a_total 5'])
  })

  it('asks for gauges at each scrape and forgets what is gone', async () => {
    const metrics = new Metrics()
    const open = new Map([
      ['a', 1],
      ['b', 2],
    ])
    metrics.gauge({ name: 'custos_open', help: 'Open.', labelNames: ['listener'] }, (family) => {
      family.clear()
      for (const [listener, count] of open) family.cell({ listener }).value = count
    })
    expect(await linesOf(metrics)).toEqual([
      'custos_open{listener="a"} 1',
      'custos_open{listener="b"} 2',
    ])
    open.delete('a')
    expect(await linesOf(metrics)).toEqual(['custos_open{listener="b"} 2'])
  })

  it('adds up what several processes counted', async () => {
    const processes = [1, 10, 100].map((count) => {
      const metrics = new Metrics()
      const family = metrics.counter({ name: 'a_total', help: 'A.', labelNames: ['x'] })
      family.cell({ x: '1' }).value = count
      metrics.gauge({ name: 'b', help: 'B.' }).cell({}).value = count
      return metrics
    })
    expect(await linesOf(...processes)).toEqual(['a_total{x="1"} 111', 'b 111'])
  })

  it('renders snapshots that came over a channel as JSON', async () => {
    const metrics = new Metrics()
    metrics.counter({ name: 'a_total', help: 'A.' }).cell({}).value = 5
    const sent = JSON.parse(JSON.stringify(await metrics.snapshot()))
    expect(await renderMetrics([sent])).toContain('a_total 5')
  })

  it('keeps label values in their place whatever is in them', async () => {
    const metrics = new Metrics()
    const family = metrics.counter({ name: 'a_total', help: 'A.', labelNames: ['x'] })
    family.cell({ x: 'a"b\\c\nd' }).value = 1
    expect(await linesOf(metrics)).toEqual([String.raw`a_total{x="a\"b\\c\nd"} 1`])
  })
})
