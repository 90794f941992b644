/**
 * A control plane in a process of its own that kills itself (SIGKILL, as a power cut does) at its
 * n-th write to the store, before or after it. Started by test/control/lifecycle/crash.test.ts:
 *
 *     node mortal-control.ts <dir> <hostname id> <n> before|after <ms> served|gone
 *
 * Its clock is that many milliseconds ahead. Ends with exit code 0 once the hostname is active and not
 * to be renewed, or gone. Each order that it opens adds a byte to the file `orders` of the folder.
 */
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'

import type { Issuer } from '#control/ca/issuer.ts'
import type { CustomHostname } from '#domain/custom-hostname.ts'
import { hostnameStatus, sslStatus } from '#domain/status.ts'
import { systemClock, type Clock } from '#lib/clock.ts'
import type { Store } from '#store/store.ts'

import { alteredIssuer } from './altered-issuer.ts'
import { startControlPlane } from './control-plane.ts'
import { waitUntil } from './wait.ts'

const [dir = '', id = '', at = '', moment = '', laterMs = '', goal = ''] = process.argv.slice(2)

/** The leases of the process before this one are over. */
const clock: Clock = { ...systemClock, now: () => systemClock.now() + Number(laterMs) }

let writes = 0
let last: Promise<unknown> = Promise.resolve()

/** One write after the other: the death before a write must not take the one before it along. */
function count<Result>(write: () => Promise<Result>): Promise<Result> {
  const counted = async (): Promise<Result> => {
    const isLast = ++writes === Number(at)
    if (isLast && moment === 'before') await die()
    const result = await write()
    if (isLast) await die()
    return result
  }
  const result = last.then(counted, counted)
  last = result
  return result
}

function die(): Promise<never> {
  process.kill(process.pid, 'SIGKILL')
  return new Promise(() => {})
}

/** The real store; what changes a record counts. */
function mortal(store: Store): Store {
  const { hostnames, outbox } = store
  return new Proxy(store, {
    get: (target, property) => {
      if (property === 'hostnames') {
        return intercept(intercept(hostnames, 'update'), 'remove')
      }
      if (property === 'outbox') return intercept(outbox, 'complete')
      const value: unknown = Reflect.get(target, property)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

function intercept<Port extends object>(port: Port, method: keyof Port): Port {
  return new Proxy(port, {
    get: (target, property) => {
      const value: unknown = Reflect.get(target, property)
      if (typeof value !== 'function') return value
      const call = (...args: unknown[]): unknown => Reflect.apply(value, target, args)
      if (property !== method) return call
      return (...args: unknown[]) => count(async () => call(...args))
    },
  })
}

function counting(built: Issuer): Issuer {
  return alteredIssuer(built, {
    openOrder: async (request, signal) => {
      const order = await built.openOrder(request, signal)
      appendFileSync(join(dir, 'orders'), '.')
      return order
    },
  })
}

function isServed(record: CustomHostname): boolean {
  const now = clock.now()
  const isSettled = record.chains.every(
    ({ issuance }) => issuance.state === 'issued' && issuance.renewAt > now,
  )
  return isSettled && hostnameStatus(record) === 'active' && sslStatus(record, now) === 'active'
}

await using plane = await startControlPlane({
  dir,
  clock,
  wrapStore: mortal,
  issuer: counting,
  inspector: {
    inspectOwnership: async () => ({ provedBy: 'cname' }),
    inspectChallenge: async () => ({ isReady: true }),
    inspectPermission: async () => ({ isPermitted: true }),
  },
})
if (goal === 'served') await plane.until(id, isServed)
else await waitUntil('it is gone', async () => !(await plane.store.hostnames.find(id)))
