import type { ApiCheck, ApiDiagnosis } from './api-schema.ts'
import { renderInstant } from './render-hostname.ts'
import type { TableOptions } from './table.ts'
import { plain, wrap, type Colour } from './terminal.ts'

interface Appearance {
  mark: string
  /** Where marks cannot be shown. */
  word: string
  colour: Colour
}

const APPEARANCES: Readonly<Record<string, Appearance>> = {
  ok: { mark: '✓', word: 'ok', colour: 'green' },
  wrong: { mark: '✗', word: 'wrong', colour: 'red' },
  waiting: { mark: '…', word: 'waiting', colour: 'yellow' },
}
const UNKNOWN: Appearance = { mark: '?', word: 'unknown', colour: 'dim' }

export interface DiagnosisOptions extends TableOptions {
  /** Draw ✓ and ✗ instead of words. */
  marks: boolean
}

/** A diagnosis for people: each check in its line, what is not well at length, what to do next last. */
export function renderDiagnosis(diagnosis: ApiDiagnosis, options: DiagnosisOptions): string {
  const { hostname, checks, summary, status } = diagnosis
  const { paint } = options
  const layout = layoutOf(checks, options)
  const body = checks.map((check) => renderCheck(check, layout)).join('')
  const title = status === 'wrong' ? 'Next: ' : ''
  const next = layout.wrap(`${title}${plain(summary)}`, 0).map((line) => paint('bold', line))
  const head = `${paint('bold', plain(hostname))}  ${renderInstant(diagnosis.checked_at)}`
  return [head, '', body + next.map((line) => `\n${line}`).join(''), ''].join('\n')
}

interface Layout extends DiagnosisOptions {
  /** Of the names of checks. */
  nameWidth: number
  /** Where sentences begin. */
  indent: number
  /** Lines that fit the terminal; elsewhere one, so that other programs get whole sentences. */
  wrap(text: string, indent: number): string[]
}

const WIDEST_WORD = UNKNOWN.word.length

function layoutOf(checks: readonly ApiCheck[], options: DiagnosisOptions): Layout {
  const { output, marks } = options
  const nameWidth = Math.max(0, ...checks.map(({ name }) => plain(name).length))
  return {
    ...options,
    nameWidth,
    indent: 2 + (marks ? 1 : WIDEST_WORD) + 1 + nameWidth + 2,
    wrap: (text, indent) => (output.isTty ? wrap(text, (output.columns ?? 80) - indent) : [text]),
  }
}

function renderCheck(check: ApiCheck, layout: Layout): string {
  const { paint, marks, indent, nameWidth } = layout
  const { mark, word, colour } = APPEARANCES[check.status] ?? UNKNOWN
  const sign = paint(colour, marks ? mark : word.padEnd(WIDEST_WORD))
  const since = check.since === undefined ? '' : ` (since ${renderInstant(check.since)})`
  const [first = '', ...rest] = layout.wrap(`${plain(check.sentence)}${since}`, indent)
  const details = detailsOf(check).flatMap((fact) => layout.wrap(fact, indent))
  const margin = ' '.repeat(indent)
  return [
    `  ${sign} ${plain(check.name).padEnd(nameWidth)}  ${first}`,
    ...rest.map((line) => margin + line),
    ...details.map((line) => margin + paint('dim', line)),
  ]
    .map((line) => `${line}\n`)
    .join('')
}

/** How it should be, of what is wrong; who answered what, of all that is not well. */
function detailsOf({ status, expected, seen }: ApiCheck): string[] {
  if (status === 'ok') return []
  return [
    ...(status === 'wrong' ? [`expected: ${plain(expected)}`] : []),
    ...seen.map(({ server, answer }) => `${plain(server)}: ${plain(answer)}`),
  ]
}
