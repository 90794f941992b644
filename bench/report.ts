import type { AutocannonResult } from './load/autocannon.ts'
import type { Measurement } from './measure.ts'

export interface Report {
  date: string
  commit: string
  machine: string
  rounds: number
  /** In the order of the table's columns. */
  opponents: readonly { name: string; version: string }[]
  rows: readonly { key: string; title: string }[]
  measurements: readonly Measurement[]
  autocannon: Readonly<Record<string, AutocannonResult>>
}

/** Median CPU time per request over the rounds; undefined where nothing was measured. */
export function medianOf(report: Report, row: string, opponent: string): number | undefined {
  const values = report.measurements
    .filter((m) => m.row === row && m.opponent === opponent)
    .map(({ microseconds }) => microseconds)
  return values.length === 0 ? undefined : median(values)
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  const low = sorted[Math.ceil(middle) - 1] ?? Number.NaN
  const high = sorted[Math.floor(middle)] ?? Number.NaN
  return (low + high) / 2
}

/** Ready to paste into bench/README.md. */
export function renderMarkdown(report: Report): string {
  const { opponents, rows } = report
  const lines = [
    `${report.date}, commit ${report.commit}, ${report.machine}, median of ${report.rounds} rounds.`,
    opponents.map(({ name, version }) => `${name} ${version}`).join(', ') + '.',
    '',
    ...renderTable(
      ['CPU µs per request (× nginx)', ...opponents.map(({ name }) => name)],
      rows.map(({ key, title }) => [
        title,
        ...opponents.map(({ name }) => cell(report, key, name)),
      ]),
    ),
    ...renderAutocannon(report),
    ...renderDoubts(report),
  ]
  return lines.join('\n')
}

function cell(report: Report, row: string, opponent: string): string {
  const value = medianOf(report, row, opponent)
  if (value === undefined) return '–'
  const reference = opponent === 'nginx' ? undefined : medianOf(report, row, 'nginx')
  const ratio = reference === undefined ? '' : ` (${(value / reference).toFixed(2)})`
  return formatMicroseconds(value) + ratio
}

function formatMicroseconds(value: number): string {
  return value < 100 ? value.toFixed(1) : value.toFixed(0)
}

function renderAutocannon({ autocannon, opponents }: Report): string[] {
  const measured = opponents.filter(({ name }) => name in autocannon)
  if (measured.length === 0) return []
  const of = (render: (result: AutocannonResult) => string): string[] =>
    measured.flatMap(({ name }) => (autocannon[name] ? [render(autocannon[name])] : []))
  return [
    '',
    ...renderTable(
      ['autocannon, HTTP/1.1, 50 connections', ...measured.map(({ name }) => name)],
      [
        ['requests per second', ...of((r) => r.requestsPerSecond.toFixed(0))],
        ['latency p50 / p99, ms', ...of((r) => `${r.p50} / ${r.p99}`)],
      ],
    ),
  ]
}

const TOLERATED_FOREIGN = 0.05

/** A table measured on a busy machine says so itself. */
function renderDoubts({ measurements }: Report): string[] {
  if (measurements.length === 0) return []
  const sum = measurements.reduce((total, measurement) => total + measurement.foreign, 0)
  const foreign = sum / measurements.length
  if (foreign <= TOLERATED_FOREIGN) return []
  const share = `${(foreign * 100).toFixed(0)} %`
  return ['', `Doubtful: other processes used ${share} of the core under test (mean).`]
}

/** Columns are padded, so that the table reads the same on a terminal and in the README. */
function renderTable(head: readonly string[], body: readonly (readonly string[])[]): string[] {
  const all = [head, ...body]
  const widths = head.map((_, i) => Math.max(...all.map((cells) => cells[i]?.length ?? 0)))
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((text, i) => pad(text, i, widths[i] ?? 0)).join(' | ')} |`
  const rule = widths.map((width, i) => (i === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`))
  return [line(head), `| ${rule.join(' | ')} |`, ...body.map((cells) => line(cells))]
}

function pad(text: string, column: number, width: number): string {
  return column === 0 ? text.padEnd(width) : text.padStart(width)
}
