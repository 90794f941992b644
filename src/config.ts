import { HostnameError, parseHostname } from '#domain/hostname.ts'
import { OPERATOR_ORIGINS, OriginError, parseOrigin } from '#domain/origin.ts'
import { parseByteSize } from '#lib/byte-size.ts'
import { deepFreeze } from '#lib/deep-freeze.ts'
import { parseDuration } from '#lib/duration.ts'
import { FormError } from '#lib/form-error.ts'
import { findCollisions, parseListenAddress, type ListenAddress } from '#lib/listen-address.ts'
import type { LogLevel } from '#lib/log.ts'
import {
  parseBearerToken,
  parseDottedName,
  parseEmail,
  parseHmacKey,
  parseInteger,
  parseKeyId,
  parseList,
  parseNameServer,
  parseOneOf,
  parsePemCertificates,
  parseSafeUrl,
  parseSecretKeys,
  parseServiceUrl,
  parseSwitch,
  readNamedFile,
} from '#lib/setting-forms.ts'
import { readSettingsFile } from '#lib/settings-file.ts'
import {
  describeSettings,
  pathOf,
  SettingsReader,
  unknownPaths,
  unknownVariables,
  type SettingDescription,
  type SettingMistake,
  type SettingsSource,
  type SettingsTable,
} from '#lib/settings.ts'

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
  ca: LocalCaConfig | AcmeCaConfig
  /** `ip:port` each; empty: the system's. */
  dnsServers: readonly string[]
  validationHttpPort: number
  /** Name under which DCV delegation answers, as shown in the API; undefined: no delegation. */
  dcvZone: string | undefined
  allowReservedTlds: boolean
  /** PEM each: roots that callers' own certificates may come from besides the public ones. */
  customCertificateRoots: readonly string[]
  logLevel: LogLevel
  edge: EdgeConfig
}

export type { ListenAddress }

/** Made on first start when the store has no zone. */
export interface FirstZone {
  name: string
  fallbackOrigin: string | undefined
  cnameTarget: string | undefined
}

export interface LocalCaConfig {
  kind: 'local'
  leafLifetimeMs: number
}

export interface AcmeCaConfig {
  kind: 'acme'
  /** The CA's directory (RFC 8555 section 7.1.1). */
  directoryUrl: string
  /** Contact that the CA is told; undefined: none. */
  email: string | undefined
  /** External account binding (RFC 8555 section 7.3.4); undefined: none. */
  externalAccount: { kid: string; hmacKey: Uint8Array } | undefined
  /** Roots trusted for the CA's own HTTPS beside the built-in ones, PEM each. */
  roots: readonly string[]
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

/** All settings of this version with their defaults: what is read, and what the README's table says. */
export const SETTINGS = {
  CUSTOS_CONFIG: { unset: 'none', meaning: 'YAML file with these settings; environment wins' },
  CUSTOS_DATA_DIR: { default: './data', meaning: 'Databases, local CA root, token, secret key' },
  CUSTOS_EDGE_HTTPS: { default: '0.0.0.0:8443', meaning: 'Where the edge accepts TLS' },
  CUSTOS_EDGE_HTTP: { default: '0.0.0.0:8080', meaning: 'Where the edge accepts plain HTTP' },
  CUSTOS_EDGE_ADMIN: { unset: 'off', meaning: 'Health and metrics of an edge-only process' },
  CUSTOS_EDGE_ACCESS_LOG: { default: 'false', meaning: 'One JSON line a request on stdout' },
  CUSTOS_EDGE_DEFAULT_HOSTNAME: {
    unset: 'refuse',
    meaning: 'Served where SNI is missing or unknown',
  },
  CUSTOS_EDGE_CACHE_BYTES: { default: '256MiB', meaning: 'Hot bindings and contexts, a worker' },
  CUSTOS_EDGE_PUBLIC_HTTPS_PORT: { unset: 'as listened on', meaning: 'Port that redirects name' },
  CUSTOS_EDGE_DRAIN: { default: '30s', meaning: 'How long a stopping edge waits for requests' },
  CUSTOS_ORIGIN_ROOTS: { unset: 'built-in', meaning: 'PEM file: more roots trusted for origins' },
  CUSTOS_WORKERS: { unset: 'CPU cores', meaning: 'Edge worker processes' },
  CUSTOS_CONTROL: { default: '127.0.0.1:8787', meaning: 'Where API and dashboard listen' },
  CUSTOS_DATABASE_URL: { unset: 'SQLite', meaning: 'The store (this version: SQLite only)' },
  CUSTOS_REDIS_URL: { unset: 'SQLite', meaning: 'The directory: redis://… or rediss://…' },
  CUSTOS_API_TOKEN: { unset: 'made once', meaning: 'Bootstrap admin token' },
  CUSTOS_SECRET_KEY: {
    unset: 'made once',
    meaning: '32 bytes in base64 that seal private keys; several: first seals, all open',
  },
  CUSTOS_ZONE: { default: 'default', meaning: 'Name of the first zone' },
  CUSTOS_FALLBACK_ORIGIN: { unset: 'none', meaning: 'Fallback origin of the first zone' },
  CUSTOS_CNAME_TARGET: { unset: 'none', meaning: 'CNAME target of the first zone' },
  CUSTOS_CA: { default: 'local', meaning: 'local (the built-in CA) or acme' },
  CUSTOS_ACME_DIRECTORY_URL: { unset: 'none', meaning: "The ACME CA's directory, https://…" },
  CUSTOS_ACME_EMAIL: { unset: 'none', meaning: 'Contact that the ACME CA is told' },
  CUSTOS_ACME_EAB_KID: { unset: 'none', meaning: 'External account binding: key identifier' },
  CUSTOS_ACME_EAB_HMAC_KEY: { unset: 'none', meaning: 'External account binding: key in base64' },
  CUSTOS_ACME_ROOTS: { unset: 'built-in', meaning: 'PEM file: more roots trusted for the ACME CA' },
  CUSTOS_LOCAL_CA_LEAF_LIFETIME: { default: '365d', meaning: 'Lifetime of its certificates' },
  CUSTOS_DNS_SERVERS: { unset: "the system's", meaning: 'ip:port,… asked in look-ups' },
  CUSTOS_VALIDATION_HTTP_PORT: { default: '80', meaning: 'Port of HTTP validation fetches' },
  CUSTOS_DCV_ZONE: { unset: 'none', meaning: 'Name of the DCV delegation zone' },
  CUSTOS_CUSTOM_CERTIFICATE_ROOTS: {
    unset: 'public',
    meaning: 'PEM file: more roots trusted for uploaded certificates',
  },
  CUSTOS_ALLOW_RESERVED_TLDS: { default: 'false', meaning: 'Permit .test, .localhost and so on' },
  CUSTOS_LOG_LEVEL: { default: 'info', meaning: 'error, warn, info, debug or silent' },
} as const satisfies SettingsTable

/** Settings that DESIGN.md promises and this version lacks: refused, because ignoring them lies. */
const NOT_YET = ['CUSTOS_DNS_LISTEN']

const GROUPS = ['EDGE', 'ACME', 'DNS', 'LOCAL_CA']
const NAMING = { prefix: 'CUSTOS_', groups: GROUPS, fileVariable: 'CUSTOS_CONFIG' }
const ACME_SETTINGS = [
  'CUSTOS_ACME_DIRECTORY_URL',
  'CUSTOS_ACME_EMAIL',
  'CUSTOS_ACME_EAB_KID',
  'CUSTOS_ACME_EAB_HMAC_KEY',
  'CUSTOS_ACME_ROOTS',
] as const
const LOG_LEVELS = ['error', 'warn', 'info', 'debug', 'silent'] as const satisfies LogLevel[]
/** The longest lifetime that Apple's clients accept, of private CAs too (HT210176). */
const LEAF_LIFETIME = { min: '1m', max: '825d' }
const WORKERS = { min: 1, max: 1024 }
const PORT = { min: 1, max: 65_535 }
const CACHE = { min: '1MiB', max: '1TiB' }
const CAS = ['local', 'acme'] as const
const DATABASES = { now: [], later: ['postgres', 'postgresql'] }
const DIRECTORIES = {
  now: ['redis', 'rediss'],
  later: ['redis+sentinel', 'rediss+sentinel', 'redis+cluster', 'rediss+cluster'],
}

/** All settings of this version, for people. */
export const listSettings = (): SettingDescription[] => describeSettings(SETTINGS, NAMING)

export interface LoadConfigOptions {
  /** The environment. */
  env: Readonly<Record<string, string | undefined>>
  /** @throws when there is no such file */
  readFile: (path: string) => string
  /** Processor cores: the default number of workers. */
  cores: number
}

/** @throws {ConfigError} with all that is wrong in environment and file */
export function loadConfig(options: LoadConfigOptions): {
  config: Config
  warnings: ConfigWarning[]
} {
  const file = readSettingsFile({ variable: NAMING.fileVariable, ...options })
  const source = { env: options.env, file: file.values, naming: NAMING }
  const known = [...Object.keys(SETTINGS), ...NOT_YET]
  const reader = new SettingsReader(SETTINGS, source)
  const config = readConfig(reader, options)
  const mistakes = [
    ...file.mistakes,
    ...reader.mistakes,
    ...unknownPaths(known, source),
    ...unavailable(source),
    ...incomplete(reader, config),
    ...(reader.mistakes.length === 0 ? colliding(config) : []),
  ]
  if (mistakes.length > 0) throw new ConfigError(mistakes)
  const warnings = [...unknownVariables(known, source), ...weakToken(config)]
  return { config: deepFreeze(config), warnings }
}

function readConfig(of: SettingsReader<typeof SETTINGS>, options: LoadConfigOptions): Config {
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
    ca: readCaConfig(of, options),
    dnsServers:
      of.optional('CUSTOS_DNS_SERVERS', (text) => parseList(text).map(parseNameServer)) ?? [],
    validationHttpPort: of.value('CUSTOS_VALIDATION_HTTP_PORT', (text) => parseInteger(text, PORT)),
    dcvZone: of.optional('CUSTOS_DCV_ZONE', parseOperatorHostname),
    allowReservedTlds: of.value('CUSTOS_ALLOW_RESERVED_TLDS', parseSwitch),
    customCertificateRoots:
      of.optional('CUSTOS_CUSTOM_CERTIFICATE_ROOTS', (path) =>
        parsePemCertificates(readNamedFile(path, options.readFile)),
      ) ?? [],
    logLevel: of.value('CUSTOS_LOG_LEVEL', (text) => parseOneOf(text, LOG_LEVELS)),
    edge: readEdgeConfig(of, options),
  }
}

function readCaConfig(
  of: SettingsReader<typeof SETTINGS>,
  options: LoadConfigOptions,
): Config['ca'] {
  const kind = of.value('CUSTOS_CA', (text) => parseOneOf(text, CAS))
  const leafLifetimeMs = of.value('CUSTOS_LOCAL_CA_LEAF_LIFETIME', (text) =>
    parseDuration(text, LEAF_LIFETIME),
  )
  const acme = readAcmeConfig(of, options)
  return kind === 'local' ? { kind, leafLifetimeMs } : acme
}

/** Wrong settings are told whichever CA is chosen, missing ones only where they are needed. */
function readAcmeConfig(
  of: SettingsReader<typeof SETTINGS>,
  { readFile }: LoadConfigOptions,
): AcmeCaConfig {
  const kid = of.optional('CUSTOS_ACME_EAB_KID', parseKeyId)
  const hmacKey = of.optional('CUSTOS_ACME_EAB_HMAC_KEY', parseHmacKey)
  return {
    kind: 'acme',
    directoryUrl: of.optional('CUSTOS_ACME_DIRECTORY_URL', parseSafeUrl) ?? '',
    email: of.optional('CUSTOS_ACME_EMAIL', parseEmail),
    externalAccount: kid === undefined || hmacKey === undefined ? undefined : { kid, hmacKey },
    roots:
      of.optional('CUSTOS_ACME_ROOTS', (path) =>
        parsePemCertificates(readNamedFile(path, readFile)),
      ) ?? [],
  }
}

/** What is wrong with the ACME settings taken together. */
function incomplete(of: SettingsReader<typeof SETTINGS>, { ca }: Config): ConfigMistake[] {
  const isSet = (variable: keyof typeof SETTINGS): boolean => of.isSet(variable)
  const set = ACME_SETTINGS.filter(isSet)
  if (ca.kind === 'local') {
    const message = 'is for an ACME CA only: set CUSTOS_CA to acme, or remove it'
    return set.map((variable) => ({ name: of.nameOf(variable), message }))
  }
  const needed: string[] = isSet('CUSTOS_ACME_DIRECTORY_URL') ? [] : ['CUSTOS_ACME_DIRECTORY_URL']
  const binding = (['CUSTOS_ACME_EAB_KID', 'CUSTOS_ACME_EAB_HMAC_KEY'] as const).filter(isSet)
  return [
    ...needed.map((name) => ({ name, message: 'must be set when CUSTOS_CA is acme' })),
    ...(binding.length === 1 ? binding : []).map((variable) => ({
      name: of.nameOf(variable),
      message: 'must be set together with its other half: EAB_KID and EAB_HMAC_KEY, or neither',
    })),
  ]
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
    originRoots:
      of.optional('CUSTOS_ORIGIN_ROOTS', (path) =>
        parsePemCertificates(readNamedFile(path, readFile)),
      ) ?? [],
  }
}

function unavailable({ env, file }: SettingsSource): ConfigMistake[] {
  return NOT_YET.flatMap((variable) => [
    ...(env[variable]?.trim() ? [variable] : []),
    ...(file.get(pathOf(variable, NAMING)) ? [pathOf(variable, NAMING)] : []),
  ]).map((name) => ({ name, message: 'is not available in this version: remove it' }))
}

function colliding(config: Config): ConfigMistake[] {
  return findCollisions({
    CUSTOS_EDGE_HTTPS: config.edgeHttps,
    CUSTOS_EDGE_HTTP: config.edgeHttp,
    CUSTOS_CONTROL: config.control,
    CUSTOS_EDGE_ADMIN: config.edgeAdmin,
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

/** The operator's own names need no public suffix; tenants' names do. */
function parseOperatorHostname(text: string): string {
  return inForm(() => parseHostname(text, { allowReservedTlds: true }))
}

/** Kept as written: it is parsed again where it is used. */
function parseOperatorOrigin(text: string): string {
  inForm(() => parseOrigin(text, OPERATOR_ORIGINS))
  return text
}

function inForm<Value>(parse: () => Value): Value {
  try {
    return parse()
  } catch (error) {
    const isForm = error instanceof HostnameError || error instanceof OriginError
    throw isForm ? new FormError(error.message, { cause: error }) : error
  }
}
