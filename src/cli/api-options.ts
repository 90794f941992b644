import { join } from 'node:path'

import { Option, type Command } from 'commander'

import { loadConfig, type Config } from '#config/config.ts'
import { API_TOKEN_FILE } from '#lib/data-dir.ts'
import { renderListenAddress } from '#lib/listen-address.ts'

import { ApiClient } from './api-client.ts'
import type { CliDeps } from './cli-deps.ts'
import { CliError } from './cli-error.ts'

/** Options that every command has that talks to the API. */
export interface ApiOptions {
  url?: string
  tokenFile?: string
  json?: boolean
}

export function addApiOptions(command: Command): Command {
  return command
    .addOption(new Option('--url <url>', 'where the API is (default: CUSTOS_CONTROL)'))
    .addOption(
      new Option(
        '--token-file <path>',
        'file with the API token (default: CUSTOS_API_TOKEN, then api-token in CUSTOS_DATA_DIR)',
      ),
    )
    .addOption(new Option('--json', 'print JSON, for programs'))
}

/**
 * The API where the options, or the settings of a server on this machine, say it is.
 *
 * @throws {CliError} a URL that is none, or a token that cannot be read
 */
export function connect(deps: CliDeps, options: ApiOptions): ApiClient {
  const { env, readFile, fetch, clock } = deps
  const config = (): Config => loadConfig({ env, readFile, cores: 1 }).config
  const url = options.url === undefined ? controlUrl(config()) : parseUrl(options.url)
  return new ApiClient({ url, ...findToken(deps, options, config), fetch, clock })
}

/** What listens on every address is reached by loopback. */
function controlUrl({ control }: Config): string {
  const loopback = { '0.0.0.0': '127.0.0.1', '::': '::1' }[control.host]
  const address = renderListenAddress({ ...control, host: loopback ?? control.host })
  return `http://${address}/client/v4`
}

function parseUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.search || url.hash) {
    throw new CliError('usage', `--url must be http://host[:port] or https://…: received ${text}`)
  }
  const base = url.href.replace(/\/+$/, '')
  return base.endsWith('/client/v4') ? base : `${base}/client/v4`
}

interface Token {
  token: string
  /** For the hint when it is refused. */
  tokenSource: string
}

function findToken({ env, readFile }: CliDeps, options: ApiOptions, config: () => Config): Token {
  if (options.tokenFile !== undefined) return readToken(options.tokenFile, readFile)
  const fromEnv = env['CUSTOS_API_TOKEN']?.trim()
  if (fromEnv) return checked({ token: fromEnv, tokenSource: 'CUSTOS_API_TOKEN' })
  const { apiToken, dataDir } = config()
  if (apiToken !== undefined) return { token: apiToken, tokenSource: 'CUSTOS_CONFIG' }
  return readToken(join(dataDir, API_TOKEN_FILE), readFile)
}

const HINT = 'give the token by --token-file or CUSTOS_API_TOKEN, or set CUSTOS_DATA_DIR'

function readToken(path: string, readFile: CliDeps['readFile']): Token {
  try {
    return checked({ token: readFile(path).trim(), tokenSource: path })
  } catch (cause) {
    if (cause instanceof CliError) throw cause
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new CliError('notAllowed', `Cannot read the API token: ${reason}`, { cause, hint: HINT })
  }
}

/** What does not fit in a header would fail later, with a message about headers. */
function checked(found: Token): Token {
  if (/^[\u0021-\u007E]{1,1024}$/.test(found.token)) return found
  const message = `Cannot use the API token: ${found.tokenSource} holds none`
  throw new CliError('notAllowed', message, { hint: HINT })
}
