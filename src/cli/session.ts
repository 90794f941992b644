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

/** What a command works with that talks to the API. */
export interface ApiSession {
  api: ApiClient
  table: TableOptions
  deps: CliDeps
  /** Prints `raw` as JSON where that was asked for, else the text for people. */
  print(raw: unknown, human: () => string): void
  /** A line of progress: not part of the result. */
  report(line: string): void
}

/** The same within a zone. */
export interface Session extends ApiSession {
  zone: ApiZone
}

export async function openSession(deps: CliDeps, options: ZoneOptions): Promise<Session> {
  const session = openApi(deps, options)
  return { ...session, zone: await findZone(session.api, options.zone) }
}

export function openApi(deps: CliDeps, options: ApiOptions): ApiSession {
  return {
    api: connect(deps, options),
    deps,
    table: { output: deps.stdout, paint: createPaint(deps.stdout, deps.env) },
    print(raw, human) {
      deps.stdout.write(options.json ? `${JSON.stringify(raw, null, 2)}\n` : human())
    },
    report: (line) => deps.stderr.write(`${line}\n`),
  }
}
