import type { Command } from 'commander'
import { z } from 'zod'

import type { CliDeps } from './cli-deps.ts'
import { findHostname, hostnamesPath } from './find-hostname.ts'
import { openSession, type ZoneOptions } from './session.ts'
import { addWaitOptions, type WaitFlags } from './wait-options.ts'
import { waitUntilGone } from './wait.ts'

interface RemoveOptions extends ZoneOptions, WaitFlags {}

/** `custos hostnames remove <hostname>` */
export function addHostnamesRemove(hostnames: Command, deps: CliDeps): Command {
  const command = hostnames
    .command('remove')
    .description('remove a custom hostname from every edge, and its keys with it')
    .argument('<hostname>', 'its name or id')
  return addWaitOptions(command, 'wait until no edge serves it').action(
    (said: string, options: RemoveOptions) => remove(deps, said, options),
  )
}

async function remove(deps: CliDeps, said: string, options: RemoveOptions): Promise<void> {
  const session = await openSession(deps, options)
  const { api, zone } = session
  const { result: hostname } = await findHostname(api, { zone, said })
  const path = `${hostnamesPath(zone)}/${hostname.id}`
  const { raw } = await api.call({ method: 'DELETE', path, schema: z.unknown() })
  if (options.wait) {
    const { clock } = deps
    await waitUntilGone({ ...session, clock, hostname, timeoutMs: options.timeout })
  }
  const state = options.wait ? 'is removed' : 'is being removed'
  session.print(raw, () => `${hostname.hostname} ${state}\n`)
}
