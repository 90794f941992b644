import { CA_LIMITS, type CaLimit, type LimitOverrides } from '#domain/ca-limits.ts'
import { CERTIFICATE_AUTHORITY_NAMES } from '#domain/certificate-authority.ts'
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
  parseSafeUrl,
} from '#lib/setting-forms.ts'
import { ItemReader, type SettingsItem } from '#lib/setting-items.ts'
import type { SettingMistake } from '#lib/settings.ts'

import {
  CA_KINDS,
  parseLeafLifetime,
  type AcmeCaConfig,
  type CaConfig,
  type LocalCaConfig,
} from './ca.ts'
import { readRoots, type ReadFile } from './forms.ts'

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
  'limits.consecutiveFailures',
] as const

type Item = ItemReader<'kind' | (typeof LOCAL_KEYS)[number] | (typeof ACME_KEYS)[number]>

const MAX_CAS = 10
/** As orders and certificates name the built-in CA. */
const LOCAL_NAME = 'local'

export interface ReadCaItem {
  path: string
  /** Undefined where its kind is not known. */
  ca: CaConfig | undefined
  mistakes: readonly SettingMistake[]
}

export function readCaItem(
  item: SettingsItem,
  options: { readFile: ReadFile } & { leafLifetimeMs: number },
): ReadCaItem {
  const of: Item = new ItemReader(item)
  const kind = of.required('kind', (text) => parseOneOf(text, CA_KINDS))
  const ca = kind && (kind === 'local' ? readLocal(of, options) : readAcme(of, options))
  return { path: of.path, ca, mistakes: of.mistakes }
}

function readLocal(of: Item, options: { leafLifetimeMs: number }): LocalCaConfig {
  of.refuseOthers(['kind', ...LOCAL_KEYS], 'a local CA')
  const leafLifetimeMs = of.optional('leafLifetime', parseLeafLifetime)
  return { kind: 'local', leafLifetimeMs: leafLifetimeMs ?? options.leafLifetimeMs }
}

function readAcme(of: Item, { readFile }: { readFile: ReadFile }): AcmeCaConfig {
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
  consecutive_failures: 'limits.consecutiveFailures',
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
export function collidingCas(read: readonly ReadCaItem[]): SettingMistake[] {
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

export function tooManyCas({ length }: readonly SettingsItem[]): SettingMistake[] {
  const message = `must have at most ${MAX_CAS} CAs: has ${length}`
  return length > MAX_CAS ? [{ name: CA_LIST, message }] : []
}

function parseName(text: string): string {
  const name = parseLabel(text)
  if (name.toLowerCase() !== LOCAL_NAME) return name
  throw new FormError(`must not be ${LOCAL_NAME}, which is the built-in CA`)
}
