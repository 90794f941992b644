import { parseByteSize } from '#lib/byte-size.ts'
import { deepFreeze } from '#lib/deep-freeze.ts'
import { parseDuration } from '#lib/duration.ts'
import { findCollisions, parseListenAddress, type ListenAddress } from '#lib/listen-address.ts'
import type { LogLevel } from '#lib/log.ts'
import {
  parseBearerToken,
  parseDottedName,
  parseInteger,
  parseList,
  parseNameServer,
  parseOneOf,
  parsePrefix,
  parseRootServers,
  parseSecretKeys,
  parseServiceUrl,
  parseSwitch,
} from '#lib/setting-forms.ts'
import { takeItems } from '#lib/setting-items.ts'
import { readSettingsFile } from '#lib/settings-file.ts'
import {
  SettingsReader,
  unknownPaths,
  unknownVariables,
  type SettingMistake,
} from '#lib/settings.ts'

import type { CaConfig } from './ca.ts'
import { CA_LIST } from './ca-list.ts'
import { readCas } from './cas.ts'
import {
  incompleteDnsServer,
  readDnsServerConfig,
  unreachableNameServers,
  type DnsServerConfig,
} from './dns-server.ts'
import { parseOperatorHostname, parseOperatorOrigin, readRoots, type ReadFile } from './forms.ts'
import { readPrivateAddresses } from './private-addresses.ts'
import { NAMING, SETTINGS } from './settings.ts'

/** Everything that can be set, read once at start and frozen. Hosts and ports are parsed. */
export interface Config {
  dataDir: string
  edgeHttps: ListenAddress
  edgeHttp: ListenAddress
  control: ListenAddress
  /** /healthz, /readyz and /metrics of an edge-only process; undefined: off. */
  edgeAdmin: ListenAddress | undefined
  /** Undefined: SQLite in the data directory. */
  databaseUrl: string | undefined
  /** Undefined: the SQLite directory in the data directory. */
  redisUrl: string | undefined
  /** Edge worker processes. */
  workers: number
  /** Bootstrap admin token; undefined: made on first start and kept in `api-token`. */
  apiToken: string | undefined
  /** 32 bytes each, the first seals; undefined: made on first start and kept in `secret.key`. */
  secretKeys: readonly Uint8Array[] | undefined
  firstZone: FirstZone
  /** In the order in which they are asked; never empty. */
  cas: readonly CaConfig[]
  /** Recursive servers, `ip:port` each; empty: the system's. */
  dnsServers: readonly string[]
  /** Root servers that look-ups begin at, `ip:port` each; empty: where the recursive servers say. */
  dnsRoots: readonly string[]
  validationHttpPort: number
  validationTlsPort: number
  /** CIDR each: where the edges have their addresses as the world sees them; empty: not known. */
  edgePrefixes: readonly string[]
  /** Name under which DCV delegation answers, as shown in the API; undefined: no delegation. */
  dcvZone: string | undefined
  /** The built-in authoritative server of the DCV zone; undefined: none. */
  dnsServer: DnsServerConfig | undefined
  allowReservedTlds: boolean
  /** Customers' names and name servers may have private and loopback addresses. */
  allowPrivateAddresses: boolean
  /** The CA is told to revoke the certificates of a hostname that is removed. */
  revokeOnRemoval: boolean
  /** PEM each: roots that callers' own certificates may come from besides the public ones. */
  customCertificateRoots: readonly string[]
  logLevel: LogLevel
  edge: EdgeConfig
}

export type { CaConfig, ListenAddress }

/** Made on first start when the store has no zone. */
export interface FirstZone {
  name: string
  fallbackOrigin: string | undefined
  cnameTarget: string | undefined
}

export interface EdgeConfig {
  /** One JSON line a request on standard output. */
  accessLog: boolean
  /** Served to clients that send no SNI or an unknown one; undefined: they are refused. */
  defaultHostname: string | undefined
  /** Bytes that hot bindings and their TLS contexts may take in each worker. */
  cacheBytes: number
  /** Port of HTTPS as clients reach it, for redirects; undefined: the port listened on. */
  publicHttpsPort?: number | undefined
  /** How long a draining edge waits for exchanges before it ends them. */
  drainMs: number
  /** PEM each: roots trusted for origins besides the built-in ones. Unset or empty: only those. */
  originRoots?: readonly string[]
}

/** `name`: `CUSTOS_…`, or the path in the config file; secrets are not shown. */
export type ConfigMistake = SettingMistake
/** Something odd that does not keep Custos from starting. */
export type ConfigWarning = SettingMistake

/** All mistakes at once. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly mistakes: readonly ConfigMistake[]

  constructor(mistakes: readonly ConfigMistake[]) {
    super(mistakes.map(({ name, message }) => `${name}: ${message}`).join('\n'))
    this.mistakes = mistakes
  }
}

const LOG_LEVELS = ['error', 'warn', 'info', 'debug', 'silent'] as const satisfies LogLevel[]
const WORKERS = { min: 1, max: 1024 }
const PORT = { min: 1, max: 65_535 }
const CACHE = { min: '1MiB', max: '1TiB' }
const DATABASES = { now: [], later: ['postgres', 'postgresql'] }
const DIRECTORIES = {
  now: ['redis', 'rediss'],
  later: ['redis+sentinel', 'rediss+sentinel', 'redis+cluster', 'rediss+cluster'],
}

export interface LoadConfigOptions {
  /** The environment. */
  env: Readonly<Record<string, string | undefined>>
  readFile: ReadFile
  /** Processor cores: the default number of workers. */
  cores: number
}

/** @throws {ConfigError} with all that is wrong in environment and file */
export function loadConfig(options: LoadConfigOptions): {
  config: Config
  warnings: ConfigWarning[]
} {
  const file = readSettingsFile({ variable: NAMING.fileVariable, ...options })
  const { items, rest, ...taken } = takeItems(file.values, CA_LIST)
  const source = { env: options.env, file: rest, naming: NAMING }
  const known = Object.keys(SETTINGS)
  const reader = new SettingsReader(SETTINGS, source)
  const { cas, ...together } = readCas(reader, { items, readFile: options.readFile })
  const settings = readConfig(reader, options)
  const allowPrivateAddresses = readPrivateAddresses(reader, { ...settings, cas })
  const config = { ...settings, cas, allowPrivateAddresses }
  const mistakes = [
    ...file.mistakes,
    ...taken.mistakes,
    ...reader.mistakes,
    ...unknownPaths(known, source),
    ...together.mistakes,
    ...incompleteDnsServer(reader, config.dnsServer),
    ...(reader.mistakes.length === 0 ? colliding(config) : []),
  ]
  if (mistakes.length > 0) throw new ConfigError(mistakes)
  const warnings = [
    ...unknownVariables(known, source),
    ...weakToken(config),
    ...unreachableNameServers(config.dnsServer),
  ]
  return { config: deepFreeze(config), warnings }
}

function readConfig(
  of: SettingsReader<typeof SETTINGS>,
  options: LoadConfigOptions,
): Omit<Config, 'cas' | 'allowPrivateAddresses'> {
  return {
    dataDir: of.value('CUSTOS_DATA_DIR', (text) => text),
    edgeHttps: of.value('CUSTOS_EDGE_HTTPS', parseListenAddress),
    edgeHttp: of.value('CUSTOS_EDGE_HTTP', parseListenAddress),
    control: of.value('CUSTOS_CONTROL', parseListenAddress),
    edgeAdmin: of.optional('CUSTOS_EDGE_ADMIN', parseAdmin),
    databaseUrl: of.optional('CUSTOS_DATABASE_URL', (url) => parseServiceUrl(url, DATABASES)),
    redisUrl: of.optional('CUSTOS_REDIS_URL', (url) => parseServiceUrl(url, DIRECTORIES)),
    workers: of.optional('CUSTOS_WORKERS', (text) => parseInteger(text, WORKERS)) ?? options.cores,
    apiToken: of.optional('CUSTOS_API_TOKEN', parseBearerToken),
    secretKeys: of.optional('CUSTOS_SECRET_KEY', parseSecretKeys),
    firstZone: {
      name: of.value('CUSTOS_ZONE', parseDottedName),
      fallbackOrigin: of.optional('CUSTOS_FALLBACK_ORIGIN', parseOperatorOrigin),
      cnameTarget: of.optional('CUSTOS_CNAME_TARGET', parseOperatorHostname),
    },
    dnsServers:
      of.optional('CUSTOS_DNS_SERVERS', (text) => parseList(text).map(parseNameServer)) ?? [],
    dnsRoots: of.optional('CUSTOS_DNS_ROOTS', parseRootServers) ?? [],
    validationHttpPort: of.value('CUSTOS_VALIDATION_HTTP_PORT', (text) => parseInteger(text, PORT)),
    validationTlsPort: of.value('CUSTOS_VALIDATION_TLS_PORT', (text) => parseInteger(text, PORT)),
    edgePrefixes:
      of.optional('CUSTOS_EDGE_PREFIXES', (text) => parseList(text).map(parsePrefix)) ?? [],
    ...readDnsServerConfig(of),
    allowReservedTlds: of.value('CUSTOS_ALLOW_RESERVED_TLDS', parseSwitch),
    revokeOnRemoval: of.value('CUSTOS_REVOKE_ON_REMOVAL', parseSwitch),
    customCertificateRoots:
      of.optional('CUSTOS_CUSTOM_CERTIFICATE_ROOTS', (path) => readRoots(path, options.readFile)) ??
      [],
    logLevel: of.value('CUSTOS_LOG_LEVEL', (text) => parseOneOf(text, LOG_LEVELS)),
    edge: readEdgeConfig(of, options),
  }
}

function readEdgeConfig(
  of: SettingsReader<typeof SETTINGS>,
  { readFile }: LoadConfigOptions,
): EdgeConfig {
  return {
    accessLog: of.value('CUSTOS_EDGE_ACCESS_LOG', parseSwitch),
    defaultHostname: of.optional('CUSTOS_EDGE_DEFAULT_HOSTNAME', parseOperatorHostname),
    cacheBytes: of.value('CUSTOS_EDGE_CACHE_BYTES', (text) => parseByteSize(text, CACHE)),
    publicHttpsPort: of.optional('CUSTOS_EDGE_PUBLIC_HTTPS_PORT', (text) =>
      parseInteger(text, PORT),
    ),
    drainMs: of.value('CUSTOS_EDGE_DRAIN', (text) => parseDuration(text, { max: '24h' })),
    originRoots: of.optional('CUSTOS_ORIGIN_ROOTS', (path) => readRoots(path, readFile)) ?? [],
  }
}

function colliding(config: Config): ConfigMistake[] {
  return findCollisions({
    CUSTOS_EDGE_HTTPS: config.edgeHttps,
    CUSTOS_EDGE_HTTP: config.edgeHttp,
    CUSTOS_CONTROL: config.control,
    CUSTOS_EDGE_ADMIN: config.edgeAdmin,
    CUSTOS_DNS_LISTEN: config.dnsServer?.listen,
  })
}

function weakToken({ apiToken }: Config): ConfigWarning[] {
  if (apiToken === undefined || apiToken.length >= 20) return []
  const message = `is short enough to be guessed: has ${apiToken.length} characters, better 20 or more`
  return [{ name: 'CUSTOS_API_TOKEN', message }]
}

function parseAdmin(text: string): ListenAddress | undefined {
  return text.toLowerCase() === 'off' ? undefined : parseListenAddress(text)
}
