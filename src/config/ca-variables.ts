import {
  parseEmail,
  parseHmacKey,
  parseKeyId,
  parseLabel,
  parseOneOf,
  parseSafeUrl,
} from '#lib/setting-forms.ts'
import type { SettingMistake, SettingsReader, SettingsTable } from '#lib/settings.ts'

import { CA_KINDS, type AcmeCaConfig, type CaConfig } from './ca.ts'
import { readRoots, type ReadFile } from './forms.ts'

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
export type CaVariableReader = Pick<
  SettingsReader<typeof CA_SETTINGS>,
  'value' | 'optional' | 'isSet' | 'nameOf' | 'mistakes'
>

const ACME_VARIABLES = [
  'CUSTOS_ACME_DIRECTORY_URL',
  'CUSTOS_ACME_EMAIL',
  'CUSTOS_ACME_ACCOUNT',
  'CUSTOS_ACME_EAB_KID',
  'CUSTOS_ACME_EAB_HMAC_KEY',
  'CUSTOS_ACME_ROOTS',
] as const satisfies Variable[]
const BOTH_HALVES = 'must be set together with its other half: EAB_KID and EAB_HMAC_KEY, or neither'

/** Wrong settings are told whichever CA is chosen, missing ones only where they are needed. */
export function readCaVariables(
  of: CaVariableReader,
  { readFile }: { readFile: ReadFile },
): { kind: CaConfig['kind']; acme: AcmeCaConfig } {
  const kid = of.optional('CUSTOS_ACME_EAB_KID', parseKeyId)
  const hmacKey = of.optional('CUSTOS_ACME_EAB_HMAC_KEY', parseHmacKey)
  const directoryUrl = of.optional('CUSTOS_ACME_DIRECTORY_URL', parseSafeUrl) ?? ''
  return {
    kind: of.value('CUSTOS_CA', (text) => parseOneOf(text, CA_KINDS)),
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
export function incompleteCa(of: CaVariableReader, kind: CaConfig['kind']): SettingMistake[] {
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

/** Where the list is what counts. */
export function setBesideList(of: CaVariableReader): SettingMistake[] {
  const set = (['CUSTOS_CA', ...ACME_VARIABLES] as const).filter((variable) => of.isSet(variable))
  const message = `sets up one CA, and the list cas in the file several: remove one of both`
  return set.map((variable) => ({ name: of.nameOf(variable), message }))
}
