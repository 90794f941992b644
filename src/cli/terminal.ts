/** Where a command writes. */
export interface Output {
  write(text: string): void
  isTty: boolean
  /** Width of the terminal. @default 80 */
  columns?: number | undefined
}

export type Colour = 'green' | 'yellow' | 'red' | 'bold' | 'dim'

const SGR = {
  green: ['32', '39'],
  yellow: ['33', '39'],
  red: ['31', '39'],
  bold: ['1', '22'],
  dim: ['2', '22'],
} as const satisfies Record<Colour, readonly [on: string, off: string]>

export type Paint = (colour: Colour, text: string) => string

/** Colours for a terminal, unless NO_COLOR is set (no-color.org); the text as it is for anything else. */
export function createPaint(
  output: Output,
  env: Readonly<Record<string, string | undefined>>,
): Paint {
  if (!output.isTty || env['NO_COLOR']) return (_, text) => text
  return (colour, text) => {
    const [on, off] = SGR[colour]
    return `\u001B[${on}m${text}\u001B[${off}m`
  }
}

/**
 * Text from elsewhere, safe to show: control characters (C0, DEL, C1) could move the cursor or ask
 * the terminal for things.
 */
export function plain(text: string): string {
  // oxlint-disable-next-line no-control-regex -- the rule is exactly "control characters"
  return text.replace(/[\u0000-\u001F\u007F-\u009F]+/g, ' ')
}

const STATUS_COLOURS: readonly (readonly [RegExp, Colour])[] = [
  [/^active/, 'green'],
  [/timed_out$|^(moved|blocked|deleted|expired)$/, 'red'],
]

/** What is well is green, what needs somebody is red, what is on its way is yellow. */
export function colourOfStatus(status: string): Colour {
  return STATUS_COLOURS.find(([pattern]) => pattern.test(status))?.[1] ?? 'yellow'
}

const EVENT_COLOURS: readonly (readonly [RegExp, Colour])[] = [
  [/\.(deployed|verified|issued|renewed)$/, 'green'],
  [/\.(failed|timed_out|moved|blocked|deleted|removal_requested)$/, 'red'],
  [/\.(not_verified|not_ready|waiting|order_expired)$/, 'yellow'],
]

/** As of a status; what merely happened has none. */
export function colourOfEvent(kind: string): Colour {
  return EVENT_COLOURS.find(([pattern]) => pattern.test(kind))?.[1] ?? 'dim'
}
