import type { ApiClient } from './api-client.ts'
import { connect, type ApiOptions } from './api-options.ts'
import type { ApiZone } from './api-schema.ts'
import type { CliDeps } from './cli-deps.ts'
import { findZone } from './find-hostname.ts'
import type { TableOptions } from './table.ts'
import { createPaint } from './terminal.ts'

/** Options of the commands that work within a zone. */
export interface ZoneOptions extends ApiOptions {
  zone?: string
}

/** What a command within a zone works with. */
export interface Session {
  api: ApiClient
  zone: ApiZone
  table: TableOptions
  deps: CliDeps
  /** Prints `raw` as JSON where that was asked for, else the text for people. */
  print(raw: unknown, human: () => string): void
  /** A line of progress: not part of the result. */
  report(line: string): void
}

export async function openSession(deps: CliDeps, options: ZoneOptions): Promise<Session> {
  const api = connect(deps, options)
  const zone = await findZone(api, options.zone)
  return {
    api,
    zone,
    deps,
    table: { output: deps.stdout, paint: createPaint(deps.stdout, deps.env) },
    print(raw, human) {
      deps.stdout.write(options.json ? `${JSON.stringify(raw, null, 2)}\n` : human())
    },
    report: (line) => deps.stderr.write(`${line}\n`),
  }
}
