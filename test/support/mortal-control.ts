/**
 * A control plane in a process of its own that kills itself (SIGKILL, as a power cut does) at its
 * n-th write to the store, before or after it. Started by test/control/lifecycle/crash.test.ts:
 *
 *     node mortal-control.ts <dir> <hostname id> <n> before|after
 *
 * Ends with exit code 0 once the hostname is active.
 */
import { hostnameStatus, sslStatus } from '#domain/status.ts'
import { systemClock, type Clock } from '#lib/clock.ts'
import type { Store } from '#store/store.ts'

import { startControlPlane } from './control-plane.ts'

const [dir = '', id = '', at = '', moment = '', laterMs = ''] = process.argv.slice(2)

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
        return intercept(hostnames, 'update')
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

await using plane = await startControlPlane({
  dir,
  clock,
  wrapStore: mortal,
  inspector: {
    inspectOwnership: async () => ({ provedBy: 'cname' }),
    inspectChallenge: async () => ({ isReady: true }),
    inspectPermission: async () => ({ isPermitted: true }),
  },
})
await plane.until(
  id,
  (record) => hostnameStatus(record) === 'active' && sslStatus(record, clock.now()) === 'active',
)
