import type { Socket } from 'node:net'

/** Alerts that are sent in clear, before any TLS state exists (RFC 8446 section 6; codes: IANA). */
const ALERT_CODES = {
  decode_error: 50,
  protocol_version: 70,
  internal_error: 80,
  unrecognized_name: 112,
  no_application_protocol: 120,
} as const

export type AlertName = keyof typeof ALERT_CODES

/**
 * A record with a fatal alert. Its version field says TLS 1.2, which RFC 8446 section 5.1 asks of all
 * records and old clients accept.
 */
export function renderAlert(name: AlertName): Buffer {
  return Buffer.from([0x15, 3, 3, 0, 2, 2, ALERT_CODES[name]])
}

const ALERTS = Object.fromEntries(
  Object.keys(ALERT_CODES).map((name) => [name, renderAlert(name as AlertName)]),
) as Record<AlertName, Buffer>

/**
 * Sends an alert and says goodbye. What the peer still sends is read and thrown away: closing with
 * unread bytes would make the kernel send a reset, which overtakes the alert. The caller destroys the
 * socket where the peer does not close.
 */
export function sendAlert(socket: Socket, name: AlertName): void {
  sayGoodbye(socket, ALERTS[name])
}

/** The same with other last words. */
export function sayGoodbye(socket: Socket, lastWords: Buffer | string): void {
  socket.end(lastWords)
  socket.resume()
}
