import type { LogLevel } from '#lib/log.ts'

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
  ca: LocalCaConfig
  /** `ip:port` each; empty: the system's. */
  dnsServers: readonly string[]
  validationHttpPort: number
  /** Name under which DCV delegation answers, as shown in the API; undefined: no delegation. */
  dcvZone: string | undefined
  allowReservedTlds: boolean
  logLevel: LogLevel
  edge: EdgeConfig
}

export interface ListenAddress {
  host: string
  port: number
}

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

export interface EdgeConfig {
  /** One JSON line a request on standard output. */
  accessLog: boolean
  /** Served to clients that send no SNI or an unknown one; undefined: they are refused. */
  defaultHostname: string | undefined
  /** Bytes that hot bindings and their TLS contexts may take in each worker. */
  cacheBytes: number
  /** How long a draining edge waits for exchanges before it ends them. */
  drainMs: number
}

export interface ConfigMistake {
  /** `CUSTOS_…`, or the path in the config file. */
  name: string
  /** What is wrong, with the value received (secrets are not shown). */
  message: string
}

/** All mistakes at once. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly mistakes: readonly ConfigMistake[]

  constructor(mistakes: readonly ConfigMistake[]) {
    super(mistakes.map(({ name, message }) => `${name}: ${message}`).join('\n'))
    this.mistakes = mistakes
  }
}
