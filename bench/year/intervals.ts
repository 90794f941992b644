/** From `start`, inclusive, to `end`, exclusive. */
export interface Interval {
  start: number
  end: number
}

export function includes({ start, end }: Interval, at: number): boolean {
  return start <= at && at < end
}

/** The longest stretch of `span` that none of `blocked` covers. */
export function longestFree(span: Interval, blocked: readonly Interval[]): number {
  let longest = 0
  let from = span.start
  for (const { start, end } of blocked.toSorted((a, b) => a.start - b.start)) {
    longest = Math.max(longest, Math.min(start, span.end) - from)
    from = Math.max(from, end)
  }
  return Math.max(longest, span.end - from)
}
