import type { Command } from 'commander'

import type { ApiAnswer, ApiClient } from './api-client.ts'
import { DIAGNOSIS, type ApiDiagnosis, type ApiHostname, type ApiZone } from './api-schema.ts'
import type { CliDeps } from './cli-deps.ts'
import { CliError } from './cli-error.ts'
import { findHostname, hostnamesPath } from './find-hostname.ts'
import { renderDiagnosis } from './render-diagnosis.ts'
import { openSession, type ZoneOptions } from './session.ts'
import { showsMarks } from './terminal.ts'

/** `custos doctor <hostname>` */
export function addDoctor(program: Command, deps: CliDeps): Command {
  return program
    .command('doctor')
    .description('look at a customer’s DNS and web server and say what to change')
    .argument('<hostname>', 'its name or id')
    .action((said: string, options: ZoneOptions) => diagnose(deps, said, options))
}

async function diagnose(deps: CliDeps, said: string, options: ZoneOptions): Promise<void> {
  const { api, zone, table, print } = await openSession(deps, options)
  const { id } = await findCreated(api, { zone, said })
  const path = `${hostnamesPath(zone)}/${id}/diagnosis`
  const { result, raw } = await api.call({ path, schema: DIAGNOSIS })
  const marks = showsMarks(deps.stdout, deps.env)
  print(raw, () => renderDiagnosis(result, { ...table, marks }))
  endAs(result)
}

/** A name that nobody created is looked at by nobody: that is the first thing to do. */
async function findCreated(
  api: ApiClient,
  question: { zone: ApiZone; said: string },
): Promise<ApiHostname> {
  const { said, zone } = question
  const found: ApiAnswer<ApiHostname> = await findHostname(api, question).catch(
    (error: unknown) => {
      if (!(error instanceof CliError) || error.kind !== 'notFound') throw error
      throw new CliError('notFound', `${said} is not created in zone ${zone.name} yet`, {
        cause: error,
        hint: `create it: custos hostnames add ${said}`,
      })
    },
  )
  return found.result
}

/** @throws {CliError} unless all is well: the exit code is the verdict */
function endAs({ hostname, status, checks }: ApiDiagnosis): void {
  const wrong = checks.filter((check) => check.status === 'wrong').length
  if (status === 'wrong') {
    const count = wrong === 1 ? '1 check is' : `${wrong} checks are`
    throw new CliError('unwell', `${hostname} is not well: ${count} wrong`)
  }
  if (status === 'waiting') throw new CliError('unfinished', `${hostname} is on its way`)
}
