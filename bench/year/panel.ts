import type { Scenario } from './scenario.ts'
import { element, text } from './svg.ts'
import { DAY } from './units.ts'

/** A rectangle of the chart: time to the right, a quantity upwards from zero. */
export interface Panel {
  top: number
  height: number
  /** The quantity at the top. */
  most: number
  title: string
  unit: string
}

export const WIDTH = 1280
export const LEFT = 84
export const RIGHT = 24
const TICKS = 5
const INK = '#37424a'
const GRID = '#e3e7ea'
const OUTAGE = '#f6c9bb'

export function xAt({ startAt, endAt }: Scenario, at: number): number {
  return LEFT + ((at - startAt) / (endAt - startAt)) * (WIDTH - LEFT - RIGHT)
}

export function yAt({ top, height, most }: Panel, quantity: number): number {
  return top + height - (Math.min(quantity, most) / most) * height
}

/** The next round number, so that five ticks are round too. */
export function roundUp(quantity: number): number {
  const step = 10 ** Math.floor(Math.log10(quantity / TICKS))
  const factor = [1, 2, 4, 5, 10].find((one) => one * step * TICKS >= quantity) ?? 10
  return factor * step * TICKS
}

/** What lies behind the data: outages, months, ticks, the days on which lifetimes change. */
export function renderPanel(panel: Panel, scenario: Scenario): string {
  const { top, title, unit } = panel
  const heading = text(title, { x: LEFT, y: top - 14, 'font-size': 15, 'font-weight': 600 })
  const label = text(unit, {
    transform: `translate(22 ${top + panel.height / 2}) rotate(-90)`,
    'text-anchor': 'middle',
    'font-size': 12,
  })
  return [
    heading,
    label,
    ...renderOutages(panel, scenario),
    ...renderTicks(panel),
    ...renderMonths(panel, scenario),
    ...renderEras(panel, scenario),
  ].join('\n')
}

function renderOutages({ top, height }: Panel, scenario: Scenario): string[] {
  return scenario.outages.map(({ start, end }) => {
    const x = xAt(scenario, start)
    // An hour would be thinner than a line.
    const width = Math.max(1.2, xAt(scenario, end) - x)
    return element('rect', { x, y: top, width, height, fill: OUTAGE })
  })
}

function renderTicks(panel: Panel): string[] {
  return Array.from({ length: TICKS + 1 }, (_, tick) => {
    const quantity = (panel.most / TICKS) * tick
    const y = yAt(panel, quantity)
    const line = { x1: LEFT, x2: WIDTH - RIGHT, y1: y, y2: y, stroke: tick === 0 ? INK : GRID }
    const words = quantity.toLocaleString('en')
    return (
      element('line', line) +
      text(words, { x: LEFT - 8, y: y + 4, 'text-anchor': 'end', 'font-size': 12 })
    )
  })
}

function renderMonths({ top, height }: Panel, scenario: Scenario): string[] {
  const first = new Date(scenario.startAt)
  const months: string[] = []
  for (let month = first.getUTCMonth() + 1; ; month++) {
    const at = Date.UTC(first.getUTCFullYear(), month)
    if (at >= scenario.endAt) return months
    const x = xAt(scenario, at)
    const y = top + height
    months.push(element('line', { x1: x, x2: x, y1: y, y2: y + 5, stroke: INK }))
    if (month % 2 === 1) continue
    const words = new Date(at).toISOString().slice(0, 7)
    months.push(text(words, { x, y: y + 20, 'text-anchor': 'middle', 'font-size': 12 }))
  }
}

function renderEras({ top, height }: Panel, scenario: Scenario): string[] {
  return scenario.eras.map(({ from, lifetimeMs }) => {
    const x = xAt(scenario, Math.max(from, scenario.startAt))
    const dashes = { stroke: INK, 'stroke-dasharray': '2 3' }
    const line = element('line', { x1: x, x2: x, y1: top, y2: top + height, ...dashes })
    const words = text(`${lifetimeMs / DAY}-day certificates`, {
      x: x + 6,
      y: top + 14,
      'font-size': 12,
    })
    return line + words
  })
}

export { INK, OUTAGE }
