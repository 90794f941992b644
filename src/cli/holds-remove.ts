import type { Command } from 'commander'
import { z } from 'zod'

import type { ApiOptions } from './api-options.ts'
import type { CliDeps } from './cli-deps.ts'
import { holdPath } from './hold-path.ts'
import { openApi } from './session.ts'
import { plain } from './terminal.ts'

/** `custos holds remove <domain>` */
export function addHoldsRemove(holds: Command, deps: CliDeps): Command {
  return holds
    .command('remove')
    .description('hold a domain no longer; what was blocked stays so until it is refreshed')
    .argument('<domain>', 'as it was held')
    .action((domain: string, options: ApiOptions) => remove(deps, domain, options))
}

async function remove(deps: CliDeps, said: string, options: ApiOptions): Promise<void> {
  const { api, print, report } = openApi(deps, options)
  const schema = z.object({ domain: z.string() })
  const { result, raw } = await api.call({ method: 'DELETE', path: holdPath(said), schema })
  print(raw, () => `${plain(result.domain)} is held no longer\n`)
  report('What was blocked stays so until: custos hostnames refresh <hostname>')
}
