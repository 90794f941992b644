import type { Command } from 'commander'

import { HOSTNAME } from './api-schema.ts'
import type { CliDeps } from './cli-deps.ts'
import { findHostname, hostnamesPath } from './find-hostname.ts'
import { renderHostname } from './render-hostname.ts'
import { openSession, type ZoneOptions } from './session.ts'
import { addWaitOptions, type WaitFlags } from './wait-options.ts'
import { waitUntilActive } from './wait.ts'

interface RefreshOptions extends ZoneOptions, WaitFlags {}

/** `custos hostnames refresh <hostname>` */
export function addHostnamesRefresh(hostnames: Command, deps: CliDeps): Command {
  const command = hostnames
    .command('refresh')
    .description('look again now: ownership, validation, and whatever timed out')
    .argument('<hostname>', 'its name or id')
  return addWaitOptions(command, 'wait until every edge serves it').action(
    (said: string, options: RefreshOptions) => refresh(deps, said, options),
  )
}

async function refresh(deps: CliDeps, said: string, options: RefreshOptions): Promise<void> {
  const session = await openSession(deps, options)
  const { api, zone } = session
  const { result: hostname } = await findHostname(api, { zone, said })
  const path = `${hostnamesPath(zone)}/${hostname.id}`
  // An empty edit means "validate now" (spec section 1.5).
  const edited = await api.call({ method: 'PATCH', path, body: {}, schema: HOSTNAME })
  const { result, raw } = options.wait
    ? await waitUntilActive({
        ...session,
        clock: deps.clock,
        hostname,
        timeoutMs: options.timeout,
      })
    : edited
  session.print(raw, () => renderHostname(result, { zone, ...session.table }))
}
