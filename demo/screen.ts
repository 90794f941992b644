import type { WriteStream } from 'node:tty'

/** What the demo shows: a line for each thing done, dim lines for what is under way. */
export interface Screen {
  title(text: string): void
  done(text: string): void
  step(text: string): void
  fail(text: string): void
  say(lines: readonly string[]): void
}

export function createScreen(out: WriteStream): Screen {
  const isColoured = out.isTTY && !process.env['NO_COLOR']
  const paint = (code: number, text: string): string =>
    isColoured ? `\u001b[${code}m${text}\u001b[0m` : text
  const line = (text: string): void => void out.write(`${text}\n`)
  return {
    title: (text) => line(`\n${paint(1, text)}\n`),
    done: (text) => line(`${paint(32, '✓')} ${text}`),
    step: (text) => line(paint(2, `  … ${text}`)),
    fail: (text) => line(`${paint(31, '✗')} ${text}`),
    say: (lines) => lines.forEach((text) => line(text)),
  }
}
