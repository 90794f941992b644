import { InvalidArgumentError, Option, type Command } from 'commander'

import { addWaitOptions, type WaitFlags } from './wait-options.ts'
import { HOSTNAME } from './api-schema.ts'
import type { CliDeps } from './cli-deps.ts'
import { hostnamesPath } from './find-hostname.ts'
import { renderHostname } from './render-hostname.ts'
import { openSession, type ZoneOptions } from './session.ts'
import { waitUntilActive } from './wait.ts'

interface AddOptions extends ZoneOptions, WaitFlags {
  origin?: string
  originSni?: string
  minTls?: string
  method?: string
  wildcard?: boolean
  ca?: string
  metadata?: object
  /** False: `--no-ssl`. */
  ssl: boolean
}

/** `custos hostnames add <hostname>` */
export function addHostnamesAdd(hostnames: Command, deps: CliDeps): Command {
  const command = hostnames
    .command('add')
    .description('create a custom hostname, prove it and get its certificates')
    .argument('<hostname>', 'the customer’s name, such as app.customer.com')
    .option('--origin <origin>', 'custom origin server (default: the fallback origin)')
    .option('--origin-sni <name>', 'server name sent to it, or :request_host_header:')
    .addOption(
      new Option('--min-tls <version>', 'lowest TLS version').choices(['1.0', '1.1', '1.2', '1.3']),
    )
    .addOption(
      new Option(
        '--method <method>',
        'how the CA validates (default: http; of a wildcard, txt)',
      ).choices(['http', 'txt']),
    )
    .option('--wildcard', 'a certificate for *.<hostname> too')
    .addOption(
      new Option('--ca <ca>', 'certificate authority (default: the first that is set up)').choices([
        'google',
        'lets_encrypt',
        'ssl_com',
      ]),
    )
    .option('--metadata <json>', 'custom metadata, a JSON object', parseMetadata)
    .option('--no-ssl', 'without a certificate')
  return addWaitOptions(command, 'wait until every edge serves it').action(
    (hostname: string, options: AddOptions) => add(deps, hostname, options),
  )
}

async function add(deps: CliDeps, name: string, options: AddOptions): Promise<void> {
  const session = await openSession(deps, options)
  const { api, zone } = session
  const created = await api.call({
    method: 'POST',
    path: hostnamesPath(zone),
    body: bodyOf(name, options),
    schema: HOSTNAME,
  })
  const { result, raw } = options.wait
    ? await waitUntilActive({
        ...session,
        clock: deps.clock,
        hostname: created.result,
        timeoutMs: options.timeout,
      })
    : created
  session.print(raw, () => renderHostname(result, { zone, ...session.table }))
}

function bodyOf(hostname: string, options: AddOptions): object {
  return {
    hostname,
    ...(options.ssl && { ssl: sslOf(options) }),
    ...(options.origin !== undefined && { custom_origin_server: options.origin }),
    ...(options.originSni !== undefined && { custom_origin_sni: options.originSni }),
    ...(options.metadata !== undefined && { custom_metadata: options.metadata }),
  }
}

function sslOf({ minTls, wildcard = false, method, ca }: AddOptions): object {
  return {
    method: method ?? (wildcard ? 'txt' : 'http'),
    type: 'dv',
    settings: minTls === undefined ? {} : { min_tls_version: minTls },
    ...(wildcard && { wildcard }),
    ...(ca !== undefined && { certificate_authority: ca }),
  }
}

function parseMetadata(text: string): object {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  } catch {
    // Said below, with the other ways of not being an object.
  }
  throw new InvalidArgumentError('Must be a JSON object.')
}
