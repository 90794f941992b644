import { renderFields, type RawHeaders } from '../exchange.ts'

/** A response head as text, with the empty line, for sockets that are not node:http's (any more). */
export function renderHead(head: { status: number; reason: string; headers: RawHeaders }): string {
  return `HTTP/1.1 ${head.status} ${head.reason}\r\n${renderFields(head.headers)}\r\n`
}
