import { setTimeout as wait } from 'node:timers/promises'

import { describe, expect, it } from 'vitest'

import type { Issuer } from '#control/ca/issuer.ts'
import { chainOf, type CustomHostname } from '#domain/custom-hostname.ts'
import type { Issuance } from '#domain/issuance.ts'
import { createLogger } from '#lib/log.ts'
import { alteredIssuer } from '#test/altered-issuer.ts'
import { startControlPlane, type ControlPlane } from '#test/control-plane.ts'
import { fakeClock, type FakeClock } from '#test/fake-clock.ts'
import { aHostname } from '#test/records.ts'
import { aCustomer } from '#test/steps.ts'

/** With one chain, so that its steps follow each other. */
function oneChain(now: number): CustomHostname {
  const record = aHostname({}, now)
  return { ...record, chains: record.chains.slice(0, 1) }
}

interface Scene extends AsyncDisposable {
  clock: FakeClock
  plane: ControlPlane
  /** Messages of errors. */
  errors: string[]
}

/** By a clock that is moved by hand, with a CA whose answers to these take so long. */
async function startSlowCa(
  slow: (built: Issuer, clock: FakeClock) => Partial<Issuer>,
): Promise<Scene> {
  const clock = fakeClock()
  const errors: string[] = []
  const log = createLogger({
    level: 'error',
    write: (line: string) => void errors.push(line),
  })
  const issuer = (built: Issuer): Issuer => alteredIssuer(built, slow(built, clock))
  const plane = await startControlPlane({ inspector: aCustomer(), issuer, clock, log })
  const close = async (): Promise<void> => {
    const closing = plane[Symbol.asyncDispose]()
    await clock.advance(60_000)
    await closing
  }
  return { clock, plane, errors, [Symbol.asyncDispose]: close }
}

/** Seconds until the chain is as wanted, by the clock that is moved by hand. */
async function secondsUntil(
  { clock, plane }: Scene,
  id: string,
  isWanted: (issuance: Issuance) => boolean,
): Promise<number> {
  const startedAt = clock.now()
  for (let n = 0; n < 4_000; n++) {
    const record = await plane.store.hostnames.find(id)
    const issuance = record && chainOf(record, 'ecdsa')?.issuance
    if (issuance && isWanted(issuance)) return (clock.now() - startedAt) / 1_000
    await clock.advance(25)
    await wait(1)
  }
  throw new Error('waited in vain')
}

describe('a CA that takes long', () => {
  it('over each of two steps gets a time of its own for the second', async () => {
    await using scene = await startSlowCa((built, clock) => ({
      checkOrder: async (order, signal) => {
        await clock.sleep(9_500, signal)
        return built.checkOrder(order, signal)
      },
      finalize: async (order, csr, signal) => {
        await clock.sleep(9_500, signal)
        return built.finalize(order, csr, signal)
      },
    }))
    const record = oneChain(scene.clock.now())
    await scene.plane.store.hostnames.create(record)
    scene.plane.lifecycle.wake()
    const isSigned = ({ state }: Issuance): boolean => state === 'deploying' || state === 'issued'
    const seconds = await secondsUntil(scene, record.id, isSigned)
    expect(seconds).toBeGreaterThan(18)
    expect(seconds).toBeLessThan(30)
    expect(scene.errors).toEqual([])
  })

  it('for ever is away: that is written, and the hostname free for its next try', async () => {
    await using scene = await startSlowCa((_, clock) => ({
      checkOrder: async (_order, signal) => {
        await clock.sleep(3_600_000, signal)
        throw new Error('never')
      },
    }))
    const record = oneChain(scene.clock.now())
    await scene.plane.store.hostnames.create(record)
    scene.plane.lifecycle.wake()
    const seconds = await secondsUntil(
      scene,
      record.id,
      (issuance) => issuance.state === 'validating' && issuance.problem !== undefined,
    )
    expect(seconds).toBeLessThan(30)
    await scene.clock.advance(100)
    const now = scene.clock.now()
    expect(await scene.plane.store.hostnames.claim(record.id, now, 1_000)).toBeDefined()
    expect(scene.errors).toEqual([])
  })
})
