import { createHmac } from 'node:crypto'

import { expect, it } from 'vitest'

import { createOrderTickets, type OrderTicket } from '#control/ca/local/order-ticket.ts'

const secret = Buffer.alloc(32, 7)
const tickets = createOrderTickets(secret)
const ticket: OrderTicket = {
  id: 'id',
  hostname: 'app.customer.test',
  wildcard: false,
  keyAlgorithm: 'rsa',
  authorized: false,
  expiresAt: 1_764_000_000_000,
}

const mac = (text: string): string => createHmac('sha256', secret).update(text).digest('base64url')

it('is, for a name alone, what it was before there were wildcards, tokens and all', () => {
  const fields = ['id', 'app.customer.test', 'rsa', false, 1_764_000_000_000]
  const payload = Buffer.from(JSON.stringify(fields)).toString('base64url')
  const url = `urn:custos:order:${payload}.${mac(`order\n${payload}`)}`
  expect(tickets.seal(ticket)).toBe(url)
  expect(tickets.open(url)).toEqual(ticket)
  expect(tickets.tokens(ticket).name).toBe(mac(`token\n${payload}`))
})

it('carries the wildcard, which has another token than the name', () => {
  const wildcard = { ...ticket, wildcard: true }
  expect(tickets.open(tickets.seal(wildcard))).toEqual(wildcard)
  const tokens = [tickets.tokens(ticket), tickets.tokens(wildcard)]
  expect(new Set(tokens.flatMap(({ name, wildcard }) => [name, wildcard])).size).toBe(4)
})
