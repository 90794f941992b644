import type { CustomHostname } from '#domain/custom-hostname.ts'
import { hostnameStatus, sslStatus } from '#domain/status.ts'
import type { Logger } from '#lib/log.ts'

/** An operator learns of each change of state, once: by whoever wrote it. */
export function tellStatus(
  { before, after }: { before: CustomHostname; after: CustomHostname },
  { log, now }: { log: Logger; now: number },
): void {
  const { hostname, id: hostnameId } = after
  const statuses = { status: hostnameStatus(after), sslStatus: sslStatus(after, now) }
  const isSame =
    statuses.status === hostnameStatus(before) && statuses.sslStatus === sslStatus(before, now)
  if (!isSame) log.info({ hostname, hostnameId, ...statuses }, 'hostname changed state')
}
