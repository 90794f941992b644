import { afterAll, beforeAll, expect, it } from 'vitest'

import type { AcmeIssuer } from '#control/ca/acme/acme-issuer.ts'
import { txtNameOf, txtValueOf } from '#control/ca/key-authorization.ts'
import { createKeyMaker } from '#control/ca/leaf-key-maker.ts'
import type { Hostname } from '#domain/hostname.ts'
import type { Order, OrderChallenge } from '#domain/order.ts'
import { startPebble, type Pebble } from '#test/pebble.ts'

import {
  challengesOf,
  issuerAt,
  makeCsr,
  NEVER,
  newHostname,
  open,
  startResponder,
  untilSigned,
  untilValidated,
  type Responder,
} from './acme-side.ts'

let responder: Responder
let pebble: Pebble
let issuer: AcmeIssuer

beforeAll(async () => {
  responder = await startResponder()
  pebble = await startPebble({ httpPort: responder.port })
  issuer = issuerAt(pebble)
})

afterAll(async () => {
  await issuer?.close()
  await pebble?.close()
  await responder?.close()
})

function openWildcard(hostname: Hostname): Promise<Order> {
  return issuer.openOrder({ hostname, wildcard: true, keyAlgorithm: 'ecdsa' }, NEVER)
}

const publish = (hostname: Hostname, challenges: readonly OrderChallenge[]): Promise<void> =>
  pebble.setTxt(
    txtNameOf(hostname),
    challenges.map(({ keyAuthorization }) => txtValueOf(keyAuthorization)),
  )

it('proves a name and its wildcard by two TXT records, and covers both', async () => {
  const hostname = newHostname()
  const order = await openWildcard(hostname)
  const challenges = challengesOf(order, 'dns-01')
  expect(challenges.map(({ wildcard = false }) => wildcard).toSorted()).toEqual([false, true])
  // The name may be proved in other ways, its wildcard may not.
  expect(order.challenges.filter(({ wildcard }) => wildcard)).toHaveLength(1)
  expect(challengesOf(order, 'http-01')).toMatchObject([{ identifier: hostname }])
  expect(new Set(order.challenges.map(({ identifier }) => identifier))).toEqual(new Set([hostname]))

  await publish(hostname, challenges)
  await issuer.beginValidation(order, challenges, NEVER)
  expect(await untilValidated(issuer, order)).toBeUndefined()
  const names = [hostname, `*.${hostname}`]
  const { privateKey, csr } = await makeCsr(names, 'ecdsa')
  const chain = await untilSigned(issuer, order, csr)
  const { hosts } = createKeyMaker().describe({ chain, privateKey, names })
  expect(hosts.toSorted()).toEqual(names.toSorted())
})

it('may prove the name in another way than its wildcard', async () => {
  const hostname = newHostname()
  const order = await openWildcard(hostname)
  responder.answer(order)
  const wildcard = order.challenges.filter((challenge) => challenge.wildcard)
  await publish(hostname, wildcard)
  await issuer.beginValidation(order, [...challengesOf(order), ...wildcard], NEVER)
  expect(await untilValidated(issuer, order)).toBeUndefined()
})

it('is the name’s fault where one of two records is missing', async () => {
  const hostname = newHostname()
  const order = await openWildcard(hostname)
  const challenges = challengesOf(order, 'dns-01')
  await publish(hostname, challenges.slice(0, 1))
  await issuer.beginValidation(order, challenges, NEVER)
  expect(await untilValidated(issuer, order)).toMatch(/DNS challenge/)
  expect(await issuer.checkOrder(order, NEVER)).toMatchObject({ state: 'invalid', fault: 'name' })
})

it('does not mind that the proof was begun in another way before a crash', async () => {
  const hostname = newHostname()
  const order = await open(issuer, hostname)
  const byDns = challengesOf(order, 'dns-01')
  await publish(hostname, byDns)
  await issuer.beginValidation(order, byDns, NEVER)
  expect(await untilValidated(issuer, order)).toBeUndefined()
  // Nobody answers by HTTP: had the CA looked, the order would be invalid now.
  await issuer.beginValidation(order, challengesOf(order), NEVER)
  expect(await issuer.checkOrder(order, NEVER)).toEqual({ state: 'ready' })
})
