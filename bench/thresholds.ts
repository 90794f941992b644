import { medianOf, type Report } from './report.ts'

/** What bench/README.md promises. A missing number is a miss: a check that cannot fail is none. */
export const MAX_TIMES_NGINX: Readonly<Record<string, number>> = { http1: 2.2 }
export const MUST_BE_BELOW = ['Caddy', 'https + http-proxy']

/** @returns one sentence for each threshold that Custos misses */
export function missedThresholds(report: Report): string[] {
  return report.rows.flatMap(({ key }) => {
    const own = medianOf(report, key, 'Custos')
    if (own === undefined) return [`${key}: Custos was not measured`]
    return [...compareWithOthers(report, key, own), ...compareWithNginx(report, key, own)]
  })
}

function compareWithOthers(report: Report, row: string, own: number): string[] {
  return MUST_BE_BELOW.flatMap((name) => {
    // http-proxy speaks no HTTP/2: there is nothing to be below.
    if (row === 'http2' && name === 'https + http-proxy') return []
    const other = medianOf(report, row, name)
    if (other === undefined) return [`${row}: ${name} was not measured`]
    return own < other
      ? []
      : [`${row}: ${own.toFixed(1)} µs is not below ${name}'s ${other.toFixed(1)}`]
  })
}

function compareWithNginx(report: Report, row: string, own: number): string[] {
  const limit = MAX_TIMES_NGINX[row]
  if (limit === undefined) return []
  const nginx = medianOf(report, row, 'nginx')
  if (nginx === undefined) return [`${row}: nginx was not measured`]
  const ratio = own / nginx
  return ratio <= limit ? [] : [`${row}: ${ratio.toFixed(2)} × nginx, at most ${limit} allowed`]
}
