import type { Clock, Timer } from '#lib/clock.ts'

export interface InTurnOptions<Value> {
  isGood: (value: Value) => boolean
  /** How long the one before is waited for before the next begins beside it. */
  headStartMs: number
  clock: Clock
  signal: AbortSignal
}

/** One for all: making an exception takes its stack, and every question is an attempt. */
const ENDED = new DOMException('another attempt was good', 'AbortError')

/**
 * Makes attempts one after the other, each with a head start, the next at once where one came to
 * nothing. Ends with the first good value, and ends the others; else with all that came, of which
 * none is good. Rejects as the first attempt that does.
 */
export async function attemptInTurn<Value>(
  attempts: readonly ((signal: AbortSignal) => Promise<Value>)[],
  { isGood, headStartMs, clock, signal }: InTurnOptions<Value>,
): Promise<{ good: Value } | { bad: readonly Value[] }> {
  const others = new AbortController()
  const both = AbortSignal.any([signal, others.signal])
  const { promise, resolve, reject } = Promise.withResolvers<{ good: Value } | { bad: Value[] }>()
  const bad: Value[] = []
  let begun = 0
  let timer: Timer | undefined

  const settle = (value: Value): void => {
    if (isGood(value)) return resolve({ good: value })
    bad.push(value)
    if (bad.length === attempts.length) resolve({ bad })
    else if (bad.length === begun) begin()
  }
  const begin = (): void => {
    timer?.cancel()
    const attempt = attempts[begun]
    if (attempt === undefined) return
    begun++
    timer = clock.after(headStartMs, begin)
    attempt(both).then(settle, reject)
  }
  try {
    if (attempts.length === 0) return { bad }
    begin()
    return await promise
  } finally {
    timer?.cancel()
    others.abort(ENDED)
  }
}
