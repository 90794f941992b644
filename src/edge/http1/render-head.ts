import type { RawHeaders } from '../exchange.ts'

/** A response head as text, with the empty line, for sockets that are not node:http's (any more). */
export function renderHead(head: { status: number; reason: string; headers: RawHeaders }): string {
  let text = `HTTP/1.1 ${head.status} ${head.reason}\r\n`
  for (let i = 0; i < head.headers.length; i += 2) {
    text += `${head.headers[i]}: ${head.headers[i + 1]}\r\n`
  }
  return `${text}\r\n`
}
