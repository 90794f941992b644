import { CA_LIMITS, type CaLimit, type LimitOverrides } from '#domain/ca-limits.ts'
import {
  CERTIFICATE_AUTHORITY_NAMES,
  type CertificateAuthorityName,
} from '#domain/certificate-authority.ts'
import { parseDuration } from '#lib/duration.ts'
import { FormError } from '#lib/form-error.ts'
import { parseRate } from '#lib/rate.ts'
import {
  parseDottedName,
  parseEmail,
  parseHmacKey,
  parseKeyId,
  parseLabel,
  parseLine,
  parseList,
  parseOneOf,
  parsePemCertificates,
  parseSafeUrl,
  readNamedFile,
} from '#lib/setting-forms.ts'
import { ItemReader, type SettingsItem } from '#lib/setting-items.ts'
import type { SettingMistake, SettingsReader, SettingsTable } from '#lib/settings.ts'

/** One of the CAs that are asked for certificates. */
export type CaConfig = LocalCaConfig | AcmeCaConfig

export interface LocalCaConfig {
  kind: 'local'
  leafLifetimeMs: number
}

export interface AcmeCaConfig {
  kind: 'acme'
  /** As orders and certificates name it; the directory's URL where no other was given. */
  name: string
  /** The CA's directory (RFC 8555 section 7.1.1). */
  directoryUrl: string
  /** Tells several accounts at one CA apart; undefined: the one without a label. */
  account: string | undefined
  /** Its value of `certificate_authority` in the API; undefined: as its host is known. */
  apiName: CertificateAuthorityName | undefined
  /** Contact that the CA is told; undefined: none. */
  email: string | undefined
  /** External account binding (RFC 8555 section 7.3.4); undefined: none. */
  externalAccount: { kid: string; hmacKey: Uint8Array } | undefined
  /** Roots trusted for the CA's own HTTPS beside the built-in ones, PEM each. */
  roots: readonly string[]
  /** Kind of certificate, as the CA calls it; undefined: the CA's default. */
  profile: string | undefined
  /** Common name of the issuer at the top of the wanted chain; undefined: the CA's default. */
  preferredChain: string | undefined
  /** Names that CAA records give it; undefined: what its directory says, or is known of it. */
  caaIdentities: readonly string[] | undefined
  /** What the CA has granted, where that is not what it publishes. */
  limits: LimitOverrides
}

/** One CA, set up by variables. */
export const CA_SETTINGS = {
  CUSTOS_CA: { default: 'local', meaning: 'local (built-in) or acme; several: cas in the file' },
  CUSTOS_ACME_DIRECTORY_URL: { unset: 'none', meaning: "The ACME CA's directory, https://…" },
  CUSTOS_ACME_EMAIL: { unset: 'none', meaning: 'Contact that the ACME CA is told' },
  CUSTOS_ACME_ACCOUNT: { unset: 'none', meaning: 'A label: another one is a new account there' },
  CUSTOS_ACME_EAB_KID: { unset: 'none', meaning: 'External account binding: key identifier' },
  CUSTOS_ACME_EAB_HMAC_KEY: { unset: 'none', meaning: 'External account binding: key in base64' },
  CUSTOS_ACME_ROOTS: { unset: 'built-in', meaning: 'PEM file: more roots trusted for the ACME CA' },
  CUSTOS_LOCAL_CA_LEAF_LIFETIME: { default: '365d', meaning: 'Lifetime of its certificates' },
} as const satisfies SettingsTable

type Variable = keyof typeof CA_SETTINGS
type Reader = Pick<
  SettingsReader<typeof CA_SETTINGS>,
  'value' | 'optional' | 'isSet' | 'nameOf' | 'mistakes'
>

/** The list of the settings file that sets up several, in the order in which they are asked. */
export const CA_LIST = 'cas'

/** What stands for a CA there, beside its kind. */
const LOCAL_KEYS = ['leafLifetime'] as const
const ACME_KEYS = [
  'name',
  'directoryUrl',
  'account',
  'apiName',
  'email',
  'eab.kid',
  'eab.hmacKey',
  'roots',
  'profile',
  'preferredChain',
  'caaIdentities',
  'limits.ordersPerAccount',
  'limits.certificatesPerDomain',
  'limits.duplicateCertificates',
  'limits.failedValidations',
] as const

type Item = ItemReader<'kind' | (typeof LOCAL_KEYS)[number] | (typeof ACME_KEYS)[number]>

const CAS = ['local', 'acme'] as const
const MAX_CAS = 10
/** As orders and certificates name the built-in CA. */
const LOCAL_NAME = 'local'
/** The longest lifetime that Apple's clients accept, of private CAs too (HT210176). */
const LEAF_LIFETIME = { min: '1m', max: '825d' }
const ACME_VARIABLES = [
  'CUSTOS_ACME_DIRECTORY_URL',
  'CUSTOS_ACME_EMAIL',
  'CUSTOS_ACME_ACCOUNT',
  'CUSTOS_ACME_EAB_KID',
  'CUSTOS_ACME_EAB_HMAC_KEY',
  'CUSTOS_ACME_ROOTS',
] as const satisfies Variable[]
const BOTH_HALVES = 'must be set together with its other half: EAB_KID and EAB_HMAC_KEY, or neither'

export interface ReadCasOptions {
  /** Of the list; empty: the variables say which one CA it is. */
  items: readonly SettingsItem[]
  /** @throws when there is no such file */
  readFile: (path: string) => string
}

export interface ReadCas {
  cas: readonly CaConfig[]
  mistakes: readonly SettingMistake[]
}

/** All that is wrong with values of variables is kept in their reader; the rest is returned. */
export function readCas(of: Reader, options: ReadCasOptions): ReadCas {
  const { items } = options
  const single = readSingle(of, options)
  const leafLifetimeMs = of.value('CUSTOS_LOCAL_CA_LEAF_LIFETIME', parseLeafLifetime)
  if (items.length === 0) {
    const cas = single.kind === 'local' ? [{ kind: single.kind, leafLifetimeMs }] : [single.acme]
    return { cas, mistakes: incomplete(of, single.kind) }
  }
  const read = items.map((item) => readItem(item, { ...options, leafLifetimeMs }))
  return {
    cas: read.flatMap(({ ca }) => ca ?? []),
    mistakes: [
      ...setTwice(of),
      ...read.flatMap(({ mistakes }) => mistakes),
      ...colliding(read.filter(({ mistakes }) => mistakes.length === 0)),
      ...tooMany(items),
    ],
  }
}

/** Wrong settings are told whichever CA is chosen, missing ones only where they are needed. */
function readSingle(
  of: Reader,
  { readFile }: ReadCasOptions,
): { kind: CaConfig['kind']; acme: AcmeCaConfig } {
  const kid = of.optional('CUSTOS_ACME_EAB_KID', parseKeyId)
  const hmacKey = of.optional('CUSTOS_ACME_EAB_HMAC_KEY', parseHmacKey)
  const directoryUrl = of.optional('CUSTOS_ACME_DIRECTORY_URL', parseSafeUrl) ?? ''
  return {
    kind: of.value('CUSTOS_CA', (text) => parseOneOf(text, CAS)),
    acme: {
      kind: 'acme',
      name: directoryUrl,
      directoryUrl,
      account: of.optional('CUSTOS_ACME_ACCOUNT', parseLabel),
      apiName: undefined,
      email: of.optional('CUSTOS_ACME_EMAIL', parseEmail),
      externalAccount: kid === undefined || hmacKey === undefined ? undefined : { kid, hmacKey },
      roots: of.optional('CUSTOS_ACME_ROOTS', (path) => readRoots(path, readFile)) ?? [],
      profile: undefined,
      preferredChain: undefined,
      caaIdentities: undefined,
      limits: {},
    },
  }
}

/** What is wrong with the ACME variables taken together. */
function incomplete(of: Reader, kind: CaConfig['kind']): SettingMistake[] {
  const isSet = (variable: Variable): boolean => of.isSet(variable)
  if (kind === 'local') {
    const message = 'is for an ACME CA only: set CUSTOS_CA to acme, or remove it'
    const set = ACME_VARIABLES.filter(isSet)
    return set.map((variable) => ({ name: of.nameOf(variable), message }))
  }
  const needed: string[] = isSet('CUSTOS_ACME_DIRECTORY_URL') ? [] : ['CUSTOS_ACME_DIRECTORY_URL']
  const binding = (['CUSTOS_ACME_EAB_KID', 'CUSTOS_ACME_EAB_HMAC_KEY'] as const).filter(isSet)
  return [
    ...needed.map((name) => ({ name, message: 'must be set when CUSTOS_CA is acme' })),
    ...(binding.length === 1 ? binding : []).map((variable) => ({
      name: of.nameOf(variable),
      message: BOTH_HALVES,
    })),
  ]
}

function setTwice(of: Reader): SettingMistake[] {
  const set = (['CUSTOS_CA', ...ACME_VARIABLES] as const).filter((variable) => of.isSet(variable))
  const message = `sets up one CA, and the list ${CA_LIST} in the file several: remove one of both`
  return set.map((variable) => ({ name: of.nameOf(variable), message }))
}

interface ReadItem {
  path: string
  /** Undefined where its kind is not known. */
  ca: CaConfig | undefined
  mistakes: readonly SettingMistake[]
}

function readItem(
  item: SettingsItem,
  options: Pick<ReadCasOptions, 'readFile'> & { leafLifetimeMs: number },
): ReadItem {
  const of: Item = new ItemReader(item)
  const kind = of.required('kind', (text) => parseOneOf(text, CAS))
  const ca = kind && (kind === 'local' ? readLocal(of, options) : readAcme(of, options))
  return { path: of.path, ca, mistakes: of.mistakes }
}

function readLocal(of: Item, options: { leafLifetimeMs: number }): LocalCaConfig {
  of.refuseOthers(['kind', ...LOCAL_KEYS], 'a local CA')
  const leafLifetimeMs = of.optional('leafLifetime', parseLeafLifetime)
  return { kind: 'local', leafLifetimeMs: leafLifetimeMs ?? options.leafLifetimeMs }
}

function readAcme(of: Item, { readFile }: Pick<ReadCasOptions, 'readFile'>): AcmeCaConfig {
  of.refuseOthers(['kind', ...ACME_KEYS], 'an ACME CA')
  const directoryUrl = of.required('directoryUrl', parseSafeUrl) ?? ''
  return {
    kind: 'acme',
    name: of.optional('name', parseName) ?? directoryUrl,
    directoryUrl,
    account: of.optional('account', parseLabel),
    apiName: of.optional('apiName', (text) => parseOneOf(text, CERTIFICATE_AUTHORITY_NAMES)),
    email: of.optional('email', parseEmail),
    externalAccount: readBinding(of),
    roots: of.optional('roots', (path) => readRoots(path, readFile)) ?? [],
    profile: of.optional('profile', parseLine),
    preferredChain: of.optional('preferredChain', parseLine),
    caaIdentities: of.optional('caaIdentities', (text) => parseList(text).map(parseDottedName)),
    limits: readLimits(of),
  }
}

const LIMIT_KEYS = {
  orders_per_account: 'limits.ordersPerAccount',
  certificates_per_domain: 'limits.certificatesPerDomain',
  duplicate_certificates: 'limits.duplicateCertificates',
  failed_validations: 'limits.failedValidations',
} as const satisfies Record<CaLimit, (typeof ACME_KEYS)[number]>

/** Such as `300/3h`, or `unlimited`. */
function readLimits(of: Item): LimitOverrides {
  return CA_LIMITS.reduce<LimitOverrides>((limits, limit) => {
    const rate = of.optional(LIMIT_KEYS[limit], parseRate)
    return rate === undefined ? limits : { ...limits, [limit]: rate }
  }, {})
}

function readBinding(of: Item): AcmeCaConfig['externalAccount'] {
  const kid = of.optional('eab.kid', parseKeyId)
  const hmacKey = of.optional('eab.hmacKey', parseHmacKey)
  if (of.isSet('eab.kid') && !of.isSet('eab.hmacKey')) of.refuse('eab.hmacKey', 'must be set too')
  if (of.isSet('eab.hmacKey') && !of.isSet('eab.kid')) of.refuse('eab.kid', 'must be set too')
  return kid === undefined || hmacKey === undefined ? undefined : { kid, hmacKey }
}

/** No two may have one name, nor one account: they would be one CA. */
function colliding(read: readonly ReadItem[]): SettingMistake[] {
  const seen = new Map<string, string>()
  return read.flatMap(({ path, ca }) => {
    if (!ca) return []
    const isFirst = (what: string): string | undefined => {
      const first = seen.get(what)
      if (first === undefined) seen.set(what, path)
      return first
    }
    const name = isFirst(`name ${nameOf(ca)}`)
    const account = ca.kind === 'acme' ? isFirst(`account ${accountOf(ca)}`) : undefined
    return [
      ...(account ? [{ name: `${path}.account`, message: `must differ from ${account}'s` }] : []),
      ...(name ? [{ name: `${path}.name`, message: `must differ from ${name}'s` }] : []),
    ]
  })
}

function nameOf(ca: CaConfig): string {
  return ca.kind === 'local' ? LOCAL_NAME : ca.name
}

function accountOf({ directoryUrl, account = '' }: AcmeCaConfig): string {
  return `${directoryUrl}#${account}`
}

function tooMany({ length }: readonly SettingsItem[]): SettingMistake[] {
  const message = `must have at most ${MAX_CAS} CAs: has ${length}`
  return length > MAX_CAS ? [{ name: CA_LIST, message }] : []
}

function parseName(text: string): string {
  const name = parseLabel(text)
  if (name.toLowerCase() !== LOCAL_NAME) return name
  throw new FormError(`must not be ${LOCAL_NAME}, which is the built-in CA`)
}

function parseLeafLifetime(text: string): number {
  return parseDuration(text, LEAF_LIFETIME)
}

function readRoots(path: string, readFile: ReadCasOptions['readFile']): string[] {
  return parsePemCertificates(readNamedFile(path, readFile))
}
