import { describeSettings, type SettingDescription, type SettingsTable } from '#lib/settings.ts'

import { CA_SETTINGS } from './ca-variables.ts'
import { DNS_SERVER_SETTINGS } from './dns-server.ts'
import { PRIVATE_ADDRESS_SETTINGS } from './private-addresses.ts'

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
  CUSTOS_EDGE_PREFIXES: { unset: 'none', meaning: 'CIDR,… public addresses of the edges' },
  CUSTOS_ORIGIN_ROOTS: { unset: 'built-in', meaning: 'PEM file: more roots trusted for origins' },
  CUSTOS_WORKERS: { unset: 'CPU cores', meaning: 'Edge worker processes' },
  CUSTOS_CONTROL: { default: '127.0.0.1:8787', meaning: 'Where the API listens' },
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
  ...CA_SETTINGS,
  CUSTOS_DNS_SERVERS: { unset: "the system's", meaning: 'Recursive servers, ip:port,…' },
  CUSTOS_DNS_ROOTS: {
    unset: 'ask recursive',
    meaning: 'Root servers that look-ups begin at, ip:port,… or iana (those of the Internet)',
  },
  CUSTOS_VALIDATION_HTTP_PORT: { default: '80', meaning: 'Port of HTTP validation fetches' },
  CUSTOS_VALIDATION_TLS_PORT: { default: '443', meaning: 'Port of TLS validation (tls-alpn-01)' },
  ...PRIVATE_ADDRESS_SETTINGS,
  ...DNS_SERVER_SETTINGS,
  CUSTOS_CUSTOM_CERTIFICATE_ROOTS: {
    unset: 'public',
    meaning: 'PEM file: more roots trusted for uploaded certificates',
  },
  CUSTOS_ALLOW_RESERVED_TLDS: { default: 'false', meaning: 'Permit .test, .localhost and so on' },
  CUSTOS_REVOKE_ON_REMOVAL: { default: 'false', meaning: 'Revoke what a removed hostname had' },
  CUSTOS_LOG_LEVEL: { default: 'info', meaning: 'error, warn, info, debug or silent' },
} as const satisfies SettingsTable

const GROUPS = ['EDGE', 'ACME', 'DNS', 'LOCAL_CA']
/** How variables are written in the settings file. */
export const NAMING = { prefix: 'CUSTOS_', groups: GROUPS, fileVariable: 'CUSTOS_CONFIG' }

/** All settings of this version, for people. */
export const listSettings = (): SettingDescription[] => describeSettings(SETTINGS, NAMING)
