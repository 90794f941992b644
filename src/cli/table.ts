import { plain, type Colour, type Output, type Paint } from './terminal.ts'

export interface Column<Row> {
  title: string
  text: (row: Row) => string
  colour?: (row: Row) => Colour
  /** May be cut, with an ellipsis, where the terminal is too narrow. At most one column should. */
  flexible?: boolean
}

export interface TableOptions {
  output: Output
  paint: Paint
}

const GAP = '  '
const NARROWEST = 12

/**
 * Aligned columns. On a terminal they fit its width (80 unless it says); elsewhere nothing is cut,
 * so that other programs get whole values.
 */
export function renderTable<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  { output, paint }: TableOptions,
): string {
  const cells = rows.map((row) => columns.map(({ text }) => plain(text(row))))
  const widths = fit(
    columns.map(({ title }, at) =>
      cells.reduce((widest, line) => Math.max(widest, line[at]?.length ?? 0), title.length),
    ),
    columns,
    output,
  )
  const line = (texts: readonly string[], colourOf: (at: number) => Colour | undefined): string =>
    texts
      .map((text, at) => paintCell({ text, width: widths[at] ?? 0, colour: colourOf(at), paint }))
      .join(GAP)
      .trimEnd()
  const head = line(
    columns.map(({ title }) => title),
    () => 'bold',
  )
  const body = rows.map((row, at) =>
    line(cells[at] ?? [], (column) => columns[column]?.colour?.(row)),
  )
  return [head, ...body].map((text) => `${text}\n`).join('')
}

function fit<Row>(
  widths: readonly number[],
  columns: readonly Column<Row>[],
  { isTty, columns: terminal = 80 }: Output,
): number[] {
  const total = widths.reduce((sum, width) => sum + width, GAP.length * (widths.length - 1))
  const excess = isTty ? Math.max(0, total - terminal) : 0
  return widths.map((width, at) =>
    columns[at]?.flexible ? Math.max(Math.min(width, NARROWEST), width - excess) : width,
  )
}

interface Cell {
  text: string
  width: number
  colour: Colour | undefined
  paint: Paint
}

/** Blanks go outside the colour, so that widths count what is seen. */
function paintCell({ text, width, colour, paint }: Cell): string {
  const cut = text.length > width ? `${text.slice(0, width - 1)}…` : text
  return (colour ? paint(colour, cut) : cut) + ' '.repeat(width - cut.length)
}
