import { describe, expect, it } from 'vitest'

import { editCustomHostname } from '#control/api/edit-custom-hostname.ts'
import { requestRemoval } from '#control/api/create-custom-hostname.ts'
import type { Budget } from '#control/ca/budget.ts'
import type { Issuer } from '#control/ca/issuer.ts'
import { giveBackDropped } from '#control/lifecycle/dropped-orders.ts'
import type { CustomHostname } from '#domain/custom-hostname.ts'
import { hostnameStatus, sslStatus } from '#domain/status.ts'
import { systemClock } from '#lib/clock.ts'
import { alteredIssuer } from '#test/altered-issuer.ts'
import { startControlPlane } from '#test/control-plane.ts'
import { aHostname } from '#test/records.ts'
import { aCustomer } from '#test/steps.ts'
import { UNLIMITED } from '#test/unlimited-budget.ts'

function isActive(record: CustomHostname): boolean {
  return hostnameStatus(record) === 'active' && sslStatus(record, systemClock.now()) === 'active'
}

describe('an edit while the CA opens an order', () => {
  it('is not answered with the order for the names of before', async () => {
    const ordered: boolean[] = []
    const asked = Promise.withResolvers<void>()
    const edited = Promise.withResolvers<void>()
    const issuer = (built: Issuer): Issuer =>
      alteredIssuer(built, {
        openOrder: async (request, signal) => {
          ordered.push(request.wildcard)
          asked.resolve()
          await edited.promise
          return built.openOrder(request, signal)
        },
      })
    await using plane = await startControlPlane({ inspector: aCustomer(), issuer })
    const record = aHostname({}, systemClock.now())
    const creating = plane.create(record)
    await asked.promise
    await plane.store.hostnames.update(record.id, (current) => {
      const ssl = current.ssl && { ...current.ssl, method: 'txt' as const, wildcard: true }
      return editCustomHostname(current, { ssl: { value: ssl } }, systemClock.now())
    })
    edited.resolve()
    await creating
    await plane.until(record.id, isActive)
    const certificates = await plane.store.certificates.listByHostname(record.id)
    const names = [record.hostname, `*.${record.hostname}`]
    expect(certificates.map(({ hosts }) => hosts)).toEqual([names, names])
    expect(ordered).toEqual([false, true, true])
  })
})

describe('what an order took', () => {
  interface Held {
    inspector: ReturnType<typeof aCustomer>
    issuer: (built: Issuer) => Issuer
    given: unknown[]
    budget: () => Budget
  }

  function counted(changes: (built: Issuer) => Partial<Issuer>): Held {
    const given: unknown[] = []
    const budget = { ...UNLIMITED, giveBack: async (order: unknown) => void given.push(order) }
    const issuer = (built: Issuer): Issuer => alteredIssuer(built, changes(built))
    return { inspector: aCustomer(), issuer, given, budget: () => budget }
  }

  it('is given back once where the order fails while an edit drops it', async () => {
    const asked = Promise.withResolvers<void>()
    const edited = Promise.withResolvers<void>()
    let checks = 0
    const held = counted((built) => ({
      checkOrder: async (order, signal) => {
        if (checks++ > 0) return built.checkOrder(order, signal)
        asked.resolve()
        await edited.promise
        return { state: 'invalid', problem: 'no', fault: 'name' }
      },
    }))
    await using plane = await startControlPlane(held)
    const record = aHostname({}, systemClock.now())
    void plane.create(record)
    await asked.promise
    let before = record
    const after = await plane.store.hostnames.update(record.id, (current) => {
      before = current
      const ssl = current.ssl && { ...current.ssl, method: 'txt' as const, wildcard: true }
      return editCustomHostname(current, { ssl: { value: ssl } }, systemClock.now())
    })
    await giveBackDropped(before, after, held.budget())
    edited.resolve()
    await plane.until(record.id, isActive)
    expect(held.given).toMatchObject([{ names: [record.hostname] }])
  })

  it('is given back where the name was removed while the order was opened', async () => {
    const asked = Promise.withResolvers<void>()
    const removed = Promise.withResolvers<void>()
    const held = counted((built) => ({
      openOrder: async (request, signal) => {
        asked.resolve()
        await removed.promise
        return built.openOrder(request, signal)
      },
    }))
    await using plane = await startControlPlane(held)
    const record = aHostname({}, systemClock.now())
    void plane.create(record)
    await asked.promise
    await requestRemoval({ store: plane.store, clock: systemClock }, record.id)
    removed.resolve()
    await expect.poll(() => held.given).toMatchObject([{ names: [record.hostname] }])
  })

  it('is given back where the validation failed, and only then', async () => {
    let checks = 0
    const held = counted((built) => ({
      checkOrder: async (order, signal) =>
        checks++ > 0
          ? built.checkOrder(order, signal)
          : { state: 'invalid', problem: 'no', fault: 'name' },
    }))
    await using plane = await startControlPlane(held)
    const record = aHostname({}, systemClock.now())
    await plane.create(record)
    await plane.until(record.id, ({ chains }) =>
      chains.some(({ issuance }) => issuance.state === 'scheduled' && issuance.failures === 1),
    )
    await expect.poll(() => held.given).toMatchObject([{ exemption: 'none' }])
  })

  it('is not given back where the CA has signed something that is of no use', async () => {
    const held = counted((built) => ({
      finalize: async (order, csr, signal) => {
        const progress = await built.finalize(order, csr, signal)
        if (progress.state === 'processing') return progress
        const { leaf } = progress.chain
        return { state: 'valid', chain: { leaf, intermediates: [leaf] } }
      },
    }))
    await using plane = await startControlPlane(held)
    const record = aHostname({}, systemClock.now())
    await plane.create(record)
    await plane.until(record.id, ({ chains }) =>
      chains.some(({ issuance }) => issuance.state === 'scheduled' && issuance.failures > 0),
    )
    expect(held.given).toEqual([])
  })
})
