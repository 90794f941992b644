import type { Clock } from './clock.ts'

export interface DeadlineOptions {
  clock: Pick<Clock, 'after'>
  /** Whoever waits for the work, and may give it up before. @default nobody */
  signal?: AbortSignal
  /** What the work is aborted with once the time is over. @default a `TimeoutError` */
  reason?: Error
}

/**
 * The time within which work must be done. Whoever starts one disposes of it (`using`) when the work
 * is done: what still runs under its signal is given up then.
 */
export interface Deadline extends Disposable {
  /** For the work: aborts when the time is over, or when the outer signal aborts. */
  readonly signal: AbortSignal
  /** Whether the time is over; false where the work was given up before. */
  readonly isOver: boolean
}

/** One for all: making an exception takes its stack, and every request and look-up has a deadline. */
const DONE = new DOMException('the work is done', 'AbortError')

export function startDeadline(ms: number, { clock, signal, reason }: DeadlineOptions): Deadline {
  const own = new AbortController()
  let isOver = false
  const timer = clock.after(ms, () => {
    isOver = true
    own.abort(reason ?? new DOMException(`not done within ${ms} ms`, 'TimeoutError'))
  })
  return {
    signal: signal ? AbortSignal.any([signal, own.signal]) : own.signal,
    get isOver() {
      return isOver
    },
    [Symbol.dispose]() {
      timer.cancel()
      own.abort(DONE)
    },
  }
}
