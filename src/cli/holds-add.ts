import type { Command } from 'commander'

import { renderDuration } from '#lib/duration.ts'

import type { ApiAnswer } from './api-client.ts'
import type { ApiOptions } from './api-options.ts'
import { HOLD, type ApiHold } from './api-schema.ts'
import type { CliDeps } from './cli-deps.ts'
import { CliError } from './cli-error.ts'
import { holdPath } from './hold-path.ts'
import { openApi, type ApiSession } from './session.ts'
import { plain } from './terminal.ts'
import { addWaitOptions, type WaitFlags } from './wait-options.ts'

interface AddOptions extends ApiOptions, WaitFlags {
  reason?: string
  /** False: `--no-subdomains`. */
  subdomains: boolean
}

type SeenHold = Pick<ApiAnswer<ApiHold>, 'result' | 'raw'>

const POLL_MS = 500

/** `custos holds add <domain>` */
export function addHoldsAdd(holds: Command, deps: CliDeps): Command {
  const command = holds
    .command('add')
    .description('hold a domain: no zone activates its hostnames; those there are blocked')
    .argument('<domain>', 'such as customer.com')
    .option('--reason <text>', 'for operators; not shown with the hostnames')
    .option('--no-subdomains', 'hold the name alone, not what is below it')
  return addWaitOptions(command, 'wait until every hostname there is blocked').action(
    (domain: string, options: AddOptions) => add(deps, domain, options),
  )
}

async function add(deps: CliDeps, domain: string, options: AddOptions): Promise<void> {
  const session = openApi(deps, options)
  const { reason, subdomains } = options
  const body = { ...(reason !== undefined && { reason }), include_subdomains: subdomains }
  const path = holdPath(domain)
  const put = await session.api.call({ method: 'PUT', path, body, schema: HOLD })
  const { result, raw } = options.wait ? await waitUntilEnforced(session, put, options) : put
  session.print(raw, () => describe(result))
}

function describe(hold: ApiHold): string {
  const what = hold.include_subdomains ? ' and all below it' : ''
  const done = hold.enforced_at === undefined ? 'are being blocked' : 'are blocked'
  return `${plain(hold.domain)}${what} is held; hostnames that were there ${done}\n`
}

/** @throws {CliError} `timedOut`; `notFound` where somebody removed the hold meanwhile */
async function waitUntilEnforced(
  { api, deps: { clock } }: ApiSession,
  put: SeenHold,
  { timeout }: WaitFlags,
): Promise<SeenHold> {
  const deadline = clock.now() + timeout
  const path = holdPath(put.result.domain)
  for (let seen = put; ; seen = await api.call({ path, schema: HOLD })) {
    if (seen.result.enforced_at !== undefined) return seen
    if (clock.now() + POLL_MS > deadline) break
    await clock.sleep(POLL_MS)
  }
  const { domain } = put.result
  const message = `Not every hostname of ${domain} is blocked after ${renderDuration(timeout)}`
  throw new CliError('timedOut', message, { hint: 'it goes on by itself; see: custos holds list' })
}
