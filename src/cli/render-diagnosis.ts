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
  const body = checks.map((check) => renderCheck(check, checks, options)).join('')
  const title = status === 'ok' || status === 'waiting' ? '' : 'Next: '
  const next = wrapFor(options, `${title}${plain(summary)}`, 0)
  const head = `${paint('bold', plain(hostname))}  ${renderInstant(diagnosis.checked_at)}`
  return `${head}\n\n${body}\n${next.map((line) => `${paint('bold', line)}\n`).join('')}`
}

function renderCheck(check: ApiCheck, all: readonly ApiCheck[], options: DiagnosisOptions): string {
  const { paint, marks } = options
  const { mark, word, colour } = APPEARANCES[check.status] ?? UNKNOWN
  const sign = marks ? mark : word.padEnd(WIDEST_WORD)
  const names = all.map(({ name }) => plain(name).length)
  const width = Math.max(...names)
  const indent = 2 + sign.length + 1 + width + 2
  const since = check.since === undefined ? '' : ` (since ${renderInstant(check.since)})`
  const lines = wrapFor(options, `${plain(check.sentence)}${since}`, indent)
  const head = `  ${paint(colour, sign)} ${plain(check.name).padEnd(width)}  `
  const details = check.status === 'ok' ? [] : detailsOf(check, options, indent)
  return [`${head}${lines[0] ?? ''}`, ...lines.slice(1).map((line) => ' '.repeat(indent) + line)]
    .concat(details.map((line) => ' '.repeat(indent) + paint('dim', line)))
    .map((line) => `${line}\n`)
    .join('')
}

const WIDEST_WORD = UNKNOWN.word.length

function detailsOf(
  { expected, seen }: ApiCheck,
  options: DiagnosisOptions,
  indent: number,
): string[] {
  const facts = [
    `expected: ${plain(expected)}`,
    ...seen.map(({ server, answer }) => `${plain(server)}: ${plain(answer)}`),
  ]
  return facts.flatMap((fact) => wrapFor(options, fact, indent))
}

/** Lines that fit the terminal; elsewhere one, so that other programs get whole sentences. */
function wrapFor({ output }: DiagnosisOptions, text: string, indent: number): string[] {
  return output.isTty ? wrap(text, (output.columns ?? 80) - indent) : [text]
}
