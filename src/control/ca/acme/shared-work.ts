import { SingleFlight } from '#lib/single-flight.ts'

/**
 * Work that is done once for all who wait for it. Each may stop waiting by itself; the work goes on
 * for the others.
 */
export function shareWork<Value>(
  work: () => Promise<Value>,
): (signal: AbortSignal) => Promise<Value> {
  const running = new SingleFlight<'work', Value>()
  return async (signal) => {
    const aborted = Promise.withResolvers<never>()
    const abort = (): void => aborted.reject(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    if (signal.aborted) abort()
    try {
      return await Promise.race([aborted.promise, running.run('work', work)])
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }
}
