import type { SettingsItem } from '#lib/setting-items.ts'
import type { SettingMistake } from '#lib/settings.ts'

import { parseLeafLifetime, type CaConfig } from './ca.ts'
import { collidingCas, readCaItem, tooManyCas } from './ca-list.ts'
import {
  incompleteCa,
  readCaVariables,
  setBesideList,
  type CaVariableReader,
} from './ca-variables.ts'
import type { ReadFile } from './forms.ts'

export interface ReadCasOptions {
  /** Of the list; empty: the variables say which one CA it is. */
  items: readonly SettingsItem[]
  readFile: ReadFile
}

export interface ReadCas {
  cas: readonly CaConfig[]
  mistakes: readonly SettingMistake[]
}

/** All that is wrong with values of variables is kept in their reader; the rest is returned. */
export function readCas(of: CaVariableReader, options: ReadCasOptions): ReadCas {
  const { items } = options
  const single = readCaVariables(of, options)
  const leafLifetimeMs = of.value('CUSTOS_LOCAL_CA_LEAF_LIFETIME', parseLeafLifetime)
  if (items.length === 0) {
    const cas = single.kind === 'local' ? [{ kind: single.kind, leafLifetimeMs }] : [single.acme]
    return { cas, mistakes: incompleteCa(of, single.kind) }
  }
  const read = items.map((item) => readCaItem(item, { ...options, leafLifetimeMs }))
  return {
    cas: read.flatMap(({ ca }) => ca ?? []),
    mistakes: [
      ...setBesideList(of),
      ...read.flatMap(({ mistakes }) => mistakes),
      ...collidingCas(read.filter(({ mistakes }) => mistakes.length === 0)),
      ...tooManyCas(items),
    ],
  }
}
