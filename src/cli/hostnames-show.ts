import type { Command } from 'commander'

import type { CliDeps } from './cli-deps.ts'
import { findHostname } from './find-hostname.ts'
import { renderHostname } from './render-hostname.ts'
import { openSession, type ZoneOptions } from './session.ts'

/** `custos hostnames show <hostname>` */
export function addHostnamesShow(hostnames: Command, deps: CliDeps): Command {
  return hostnames
    .command('show')
    .description('show one custom hostname and what it still lacks')
    .argument('<hostname>', 'its name or id')
    .action((said: string, options: ZoneOptions) => show(deps, said, options))
}

async function show(deps: CliDeps, said: string, options: ZoneOptions): Promise<void> {
  const { api, zone, table, print } = await openSession(deps, options)
  const { result, raw } = await findHostname(api, { zone, said })
  print(raw, () => renderHostname(result, { zone, ...table }))
}
