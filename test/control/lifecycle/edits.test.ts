import { describe, expect, it } from 'vitest'

import { editCustomHostname } from '#control/api/edit-custom-hostname.ts'
import type { Issuer } from '#control/ca/issuer.ts'
import type { CustomHostname } from '#domain/custom-hostname.ts'
import { hostnameStatus, sslStatus } from '#domain/status.ts'
import { systemClock } from '#lib/clock.ts'
import { alteredIssuer } from '#test/altered-issuer.ts'
import { startControlPlane } from '#test/control-plane.ts'
import { aHostname } from '#test/records.ts'
import { aCustomer } from '#test/steps.ts'

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
