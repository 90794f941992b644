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
  /** For `*.hostname` too. */
  wildcard: boolean
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
  /**
   * Challenge tokens: 256 bits each that only this CA can derive (RFC 8555 section 11.3). The wildcard
   * has its own, so that what proves the name does not prove it too.
   */
  tokens(ticket: OrderTicket): { name: string; wildcard: string }
}

const PREFIX = 'urn:custos:order:'
/** A name has at most 253 characters; the rest of a ticket is short. */
const MAX_URL = 1024

const base = [z.string(), z.string(), z.enum(['ecdsa', 'rsa']), z.boolean(), z.int()] as const
/**
 * Without a wildcard it is what it was before there were wildcards, to the byte: orders of then are
 * still good, and so are their tokens.
 */
const ticketSchema = z.union([z.tuple([...base]), z.tuple([...base, z.literal(true)])])

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
    tokens(ticket) {
      const token = (purpose: string): string => mac(purpose, encode(ticket)).toString('base64url')
      return { name: token('token'), wildcard: token('wildcard token') }
    },
  }
}

function encode(ticket: OrderTicket): string {
  const { id, hostname, keyAlgorithm, authorized, expiresAt, wildcard } = ticket
  const fields = [id, hostname, keyAlgorithm, authorized, expiresAt, ...(wildcard ? [true] : [])]
  return Buffer.from(JSON.stringify(fields)).toString('base64url')
}

function decode(payload: string): OrderTicket {
  const text = Buffer.from(payload, 'base64url').toString()
  const fields = ticketSchema.parse(JSON.parse(text))
  const [id, hostname, keyAlgorithm, authorized, expiresAt, wildcard = false] = fields
  return { id, hostname, keyAlgorithm, authorized, expiresAt, wildcard }
}
