import {
  INK,
  LEFT,
  OUTAGE,
  renderPanel,
  RIGHT,
  roundUp,
  WIDTH,
  xAt,
  yAt,
  type Panel,
} from './panel.ts'
import type { Scenario } from './scenario.ts'
import type { Outcome } from './simulate.ts'
import { element, path, text } from './svg.ts'
import { DAY } from './units.ts'

const HEIGHT = 900
const FIRSTS = '#9cc3dc'
const RENEWALS = '#2c6e9b'
const HIGHEST = '#b4552d'
const LIFETIME = '#2f7d4f'
const LEAD = '#8a949b'

/** Orders per day above, the smallest remaining lifetime below; an SVG that needs nothing else. */
export function renderChart(outcome: Outcome): string {
  const { scenario } = outcome
  const days = ordersByDay(outcome)
  const orders: Panel = {
    top: 120,
    height: 380,
    most: roundUp(
      1.1 *
        Math.max(
          ...days.map(({ firsts, renewals, highest }) => Math.max(firsts + renewals, highest)),
        ),
    ),
    title: 'Orders per day',
    unit: 'orders per day (UTC)',
  }
  const lifetime: Panel = {
    top: 590,
    height: 240,
    most: 100,
    title: 'Smallest remaining lifetime of all certificates whose customers’ DNS is fine',
    unit: 'days',
  }
  const parts = [
    renderHead(outcome),
    renderPanel(orders, scenario),
    ...renderOrders(days, orders, scenario),
    renderOrdersLegend(orders.top - 18),
    renderPanel(lifetime, scenario),
    ...renderLifetime(outcome, lifetime),
    renderLifetimeLegend(lifetime.top - 18),
  ]
  const size = { width: WIDTH, height: HEIGHT, viewBox: `0 0 ${WIDTH} ${HEIGHT}` }
  const look = { 'font-family': 'system-ui, Helvetica, Arial, sans-serif', fill: INK }
  const background = element('rect', { width: WIDTH, height: HEIGHT, fill: '#ffffff' })
  const namespace = { xmlns: 'http://www.w3.org/2000/svg' }
  return `${element('svg', { ...namespace, ...size, ...look }, [background, ...parts].join('\n'))}\n`
}

interface OrdersOfDay {
  firsts: number
  renewals: number
  /** What the day would have had, had each hour been as its highest. */
  highest: number
}

function ordersByDay({ journal: { ordersByHour, renewalsByHour } }: Outcome): OrdersOfDay[] {
  return Array.from({ length: Math.floor(ordersByHour.length / 24) }, (_, day) => {
    const hours = ordersByHour.subarray(24 * day, 24 * day + 24)
    const renewals = renewalsByHour.subarray(24 * day, 24 * day + 24).reduce((a, b) => a + b, 0)
    const all = hours.reduce((a, b) => a + b, 0)
    return { firsts: all - renewals, renewals, highest: 24 * Math.max(...hours) }
  })
}

function renderHead({ scenario, journal }: Outcome): string {
  const title = `${scenario.hostnames.toLocaleString('en')} hostnames through two years of one CA`
  const orders = `${journal.totals.orders.toLocaleString('en')} orders`
  const limit = `${scenario.ordersPerThreeHours.toLocaleString('en')} new orders in three hours`
  const detail = `Two certificates each; ${orders}; an account of ${limit}; time is simulated, the lifecycle code is the product’s`
  return (
    text(title, { x: LEFT, y: 40, 'font-size': 22, 'font-weight': 700 }) +
    text(detail, { x: LEFT, y: 64, 'font-size': 13 })
  )
}

function renderOrders(days: readonly OrdersOfDay[], panel: Panel, scenario: Scenario): string[] {
  const at = (day: number): number => xAt(scenario, scenario.startAt + day * DAY)
  const width = at(1) - at(0)
  const bar = (day: number, [from, to]: readonly [number, number], fill: string): string => {
    if (to === from) return ''
    const y = yAt(panel, to)
    return element('rect', { x: at(day), y, width, height: yAt(panel, from) - y, fill })
  }
  const bars = days.map(
    ({ firsts, renewals }, day) =>
      bar(day, [0, renewals], RENEWALS) + bar(day, [renewals, renewals + firsts], FIRSTS),
  )
  const points = days.map(({ highest }, day) => [at(day + 0.5), yAt(panel, highest)] as const)
  return [...bars, element('path', { d: path(points), fill: 'none', stroke: HIGHEST })]
}

function renderLifetime({ scenario, journal }: Outcome, panel: Panel): string[] {
  const points = journal.days.flatMap((survey, day) => {
    if (survey?.smallestRemainingMs === undefined) return []
    const x = xAt(scenario, scenario.startAt + day * DAY)
    return [[x, yAt(panel, survey.smallestRemainingMs / DAY)] as const]
  })
  const line = { d: path(points), fill: 'none', stroke: LIFETIME, 'stroke-width': 1.6 }
  return [...renderLeads(scenario, panel), element('path', line)]
}

/** When renewal is due, and when it becomes urgent. */
function renderLeads(scenario: Scenario, panel: Panel): string[] {
  return scenario.eras.flatMap(({ from, lifetimeMs }, place) => {
    const x1 = xAt(scenario, Math.max(from, scenario.startAt))
    const x2 = xAt(scenario, scenario.eras[place + 1]?.from ?? scenario.endAt)
    const lead = lifetimeMs / 3 / DAY
    const at = (days: number, dashes: string): string => {
      const y = yAt(panel, days)
      return element('line', { x1, x2, y1: y, y2: y, stroke: LEAD, 'stroke-dasharray': dashes })
    }
    return [at(lead, '7 4'), at(lead / 2, '2 3')]
  })
}

function renderOrdersLegend(y: number): string {
  return legend(y, [
    [FIRSTS, 'first certificates'],
    [RENEWALS, 'renewals'],
    [HIGHEST, 'the day’s highest hour × 24'],
    [OUTAGE, 'the CA is away'],
  ])
}

function renderLifetimeLegend(y: number): string {
  return legend(y, [
    [LIFETIME, 'smallest'],
    [LEAD, 'of new certificates: renewal due (dashed), urgent (dotted)'],
  ])
}

/** Flush right, above a panel. */
function legend(y: number, entries: readonly (readonly [colour: string, words: string])[]): string {
  let x = WIDTH - RIGHT
  const parts: string[] = []
  for (const [fill, words] of entries.toReversed()) {
    x -= 6.2 * words.length
    parts.push(text(words, { x, y: y + 4, 'font-size': 12 }))
    parts.push(element('rect', { x: x - 16, y: y - 5, width: 10, height: 10, fill }))
    x -= 36
  }
  return parts.join('')
}
