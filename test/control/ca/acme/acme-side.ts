import {
  createAcmeIssuer,
  type AcmeIssuer,
  type AcmeIssuerOptions,
} from '#control/ca/acme/acme-issuer.ts'
import type { FinalizeProgress } from '#control/ca/issuer.ts'
import { createKeyMaker } from '#control/ca/leaf-key-maker.ts'
import type { Chain, KeyAlgorithm } from '#domain/certificate.ts'
import { parseHostname, type Hostname } from '#domain/hostname.ts'
import type { ChallengeType, Order, OrderChallenge } from '#domain/order.ts'
import { systemClock } from '#lib/clock.ts'
import { silentLogger } from '#lib/log.ts'
import { memorySecrets } from '#test/memory-secrets.ts'
import { startWellKnownServer, type WellKnownServer } from '#test/well-known-server.ts'

export const NEVER = new AbortController().signal

/** The edges' port 80: answers the challenges that it was told, and no other. */
export interface Responder extends WellKnownServer {
  answer(order: Order): void
}

export async function startResponder(): Promise<Responder> {
  const answers = new Map<string, string>()
  const server = await startWellKnownServer((request, response) => {
    const body = answers.get(`${request.headers.host?.split(':')[0]}${request.url}`)
    response.writeHead(body === undefined ? 404 : 200).end(body)
  })
  return {
    ...server,
    answer(order) {
      for (const { identifier, token, keyAuthorization } of challengesOf(order)) {
        answers.set(`${identifier}/.well-known/acme-challenge/${token}`, keyAuthorization)
      }
    },
  }
}

export type IssuerSetUp = Pick<AcmeIssuerOptions, 'directoryUrl'> &
  Partial<AcmeIssuerOptions> & { httpsRoots?: string }

export function issuerAt({ httpsRoots, ...options }: IssuerSetUp): AcmeIssuer {
  return createAcmeIssuer({
    secrets: memorySecrets(),
    clock: systemClock,
    log: silentLogger,
    email: 'ops@saas.test',
    ...(httpsRoots !== undefined && { roots: [httpsRoots] }),
    ...options,
  })
}

let count = 0

/** A name that no test used before. */
export function newHostname(): Hostname {
  return parseHostname(`shop-${++count}.customer.test`, { allowReservedTlds: true })
}

/** Those of one type: what the lifecycle chooses. */
export function challengesOf(order: Order, type: ChallengeType = 'http-01'): OrderChallenge[] {
  return order.challenges.filter((challenge) => challenge.type === type)
}

export function open(
  issuer: AcmeIssuer,
  hostname: Hostname,
  keyAlgorithm: KeyAlgorithm = 'ecdsa',
): Promise<Order> {
  return issuer.openOrder({ hostname, wildcard: false, keyAlgorithm }, NEVER)
}

/** Asks as the lifecycle does until the order is not pending any more. @returns undefined: ready */
export async function untilValidated(
  issuer: AcmeIssuer,
  order: Order,
): Promise<string | undefined> {
  for (;;) {
    const progress = await issuer.checkOrder(order, NEVER)
    if (progress.state === 'ready') return undefined
    if (progress.state === 'invalid') return progress.problem
    await systemClock.sleep(50)
  }
}

export async function untilSigned(
  issuer: AcmeIssuer,
  order: Order,
  csr: Uint8Array,
): Promise<Chain> {
  for (;;) {
    const progress: FinalizeProgress = await issuer.finalize(order, csr, NEVER)
    if (progress.state === 'valid') return progress.chain
    await systemClock.sleep(50)
  }
}

/** From the order to the chain, proved by HTTP. */
export async function issue(
  issuer: AcmeIssuer,
  { responder, hostname = newHostname() }: { responder: Responder; hostname?: Hostname },
): Promise<Chain> {
  const order = await open(issuer, hostname)
  responder.answer(order)
  await issuer.beginValidation(order, challengesOf(order), NEVER)
  const problem = await untilValidated(issuer, order)
  if (problem !== undefined) throw new Error(problem)
  const { csr } = await makeCsr([hostname], 'ecdsa')
  return untilSigned(issuer, order, csr)
}

export interface KeyAndCsr {
  privateKey: Uint8Array
  csr: Uint8Array
}

export async function makeCsr(
  names: readonly string[],
  keyAlgorithm: KeyAlgorithm,
): Promise<KeyAndCsr> {
  const keyMaker = createKeyMaker()
  const privateKey = await keyMaker.generate(keyAlgorithm)
  return { privateKey, csr: await keyMaker.createCsr({ privateKey, keyAlgorithm, names }) }
}
