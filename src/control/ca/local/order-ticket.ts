import { createHmac, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'

/**
 * An order of the built-in CA is a ticket: everything about it stands, authenticated, in its own
 * address. So orders cost no memory however many wait for their customers, and they survive a
 * restart with the tokens that the customers were told.
 */
export interface OrderTicket {
  id: string
  hostname: string
  keyAlgorithm: 'ecdsa' | 'rsa'
  /** Opened on an authorization that is still good: nothing to be proved. */
  authorized: boolean
  /** Milliseconds since the epoch. */
  expiresAt: number
}

export interface OrderTickets {
  /** The order's address. */
  seal(ticket: OrderTicket): string
  /** Undefined for what is not an address of ours. */
  open(url: string): OrderTicket | undefined
  /** The challenge token: 256 bits that only this CA can derive (RFC 8555 section 11.3). */
  token(ticket: OrderTicket): string
}

const PREFIX = 'urn:custos:order:'
/** A name has at most 253 characters; the rest of a ticket is short. */
const MAX_URL = 1024

const ticketSchema = z.tuple([
  z.string(),
  z.string(),
  z.enum(['ecdsa', 'rsa']),
  z.boolean(),
  z.int(),
])

export function createOrderTickets(secret: Uint8Array): OrderTickets {
  const mac = (purpose: string, text: string): Buffer =>
    createHmac('sha256', secret).update(`${purpose}\n${text}`).digest()

  return {
    seal(ticket) {
      const payload = encode(ticket)
      return `${PREFIX}${payload}.${mac('order', payload).toString('base64url')}`
    },
    open(url) {
      if (!url.startsWith(PREFIX) || url.length > MAX_URL) return undefined
      const [payload = '', signature = ''] = url.slice(PREFIX.length).split('.')
      const given = Buffer.from(signature, 'base64url')
      const wanted = mac('order', payload)
      if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) return undefined
      return decode(payload)
    },
    token: (ticket) => mac('token', encode(ticket)).toString('base64url'),
  }
}

function encode({ id, hostname, keyAlgorithm, authorized, expiresAt }: OrderTicket): string {
  const fields = [id, hostname, keyAlgorithm, authorized, expiresAt]
  return Buffer.from(JSON.stringify(fields)).toString('base64url')
}

function decode(payload: string): OrderTicket {
  const text = Buffer.from(payload, 'base64url').toString()
  const [id, hostname, keyAlgorithm, authorized, expiresAt] = ticketSchema.parse(JSON.parse(text))
  return { id, hostname, keyAlgorithm, authorized, expiresAt }
}
