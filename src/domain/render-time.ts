/** For people: `2026-11-23 09:00 UTC`, or `2026-11-23 09:00:36 UTC` to the second. */
export function renderTime(
  at: number,
  { to = 'minute' }: { to?: 'minute' | 'second' } = {},
): string {
  const length = to === 'minute' ? 16 : 19
  return `${new Date(at).toISOString().slice(0, length).replace('T', ' ')} UTC`
}
