import type { RawHeaders } from '../exchange.ts'

export interface ResponseMarks {
  requestId: string
  /** Our pseudonym in Via. */
  via: string
}

/**
 * Adds our marks to an origin's response fields, in place. What only we may say (X-Custos-…,
 * X-Request-Id) and what a web server says to the proxy before it (X-Accel-…) is taken out.
 */
export function markResponse(headers: RawHeaders, marks: ResponseMarks): RawHeaders {
  let via: string | undefined
  let kept = 0
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] ?? ''
    const value = headers[i + 1] ?? ''
    const lower = isCandidate(name) ? name.toLowerCase() : ''
    if (lower === 'via') via = via === undefined ? value : `${via}, ${value}`
    else if (lower === '' || !isOurs(lower)) {
      headers[kept++] = name
      headers[kept++] = value
    }
  }
  headers.length = kept
  const received = `1.1 ${marks.via}`
  headers.push('Via', via === undefined ? received : `${via}, ${received}`)
  headers.push('X-Request-Id', marks.requestId)
  return headers
}

function isCandidate(name: string): boolean {
  const first = name.charCodeAt(0) | 0x20
  return first === 0x76 || first === 0x78 // v, x
}

function isOurs(lower: string): boolean {
  return lower === 'x-request-id' || lower.startsWith('x-custos-') || lower.startsWith('x-accel-')
}
