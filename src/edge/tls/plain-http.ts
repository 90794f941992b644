import { normaliseServerName } from '#domain/hostname.ts'

/** Of the request head at most so much is looked at for the Host header. */
const MAX_HEAD = 8_192

/**
 * The answer to an HTTP request in clear on the TLS port: says what is wrong and, where the bytes at
 * hand name a host, the address to use instead.
 */
export function renderPlainHttpAnswer(head: Uint8Array, port: number): string {
  const host = findHost(head)
  const hint = host ? ` Use https://${host}${port === 443 ? '' : `:${port}`}/ instead.` : ''
  const body = `This port speaks HTTPS, but the request was plain HTTP.${hint}\n`
  return [
    'HTTP/1.1 400 Bad Request',
    'content-type: text/plain; charset=utf-8',
    `content-length: ${body.length}`,
    'x-custos-error: plain_http_on_tls_port',
    'cache-control: no-store',
    'connection: close',
    '',
    body,
  ].join('\r\n')
}

/** Only a name in normal form is repeated, never the bytes that came. */
function findHost(head: Uint8Array): string | undefined {
  const length = Math.min(head.length, MAX_HEAD)
  const text = Buffer.from(head.buffer, head.byteOffset, length).toString('latin1')
  const host = /\r\nhost:[ \t]*([a-z0-9._-]{1,254})(?::\d{1,5})?[ \t]*\r\n/i.exec(text)?.[1]
  return host === undefined ? undefined : normaliseServerName(host)
}
