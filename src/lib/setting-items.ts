import { FormError } from './form-error.ts'
import { nearestName } from './nearest-name.ts'
import type { SettingMistake } from './settings.ts'

/** One group of a list in the settings file. */
export interface SettingsItem {
  /** Such as `cas[0]`. */
  path: string
  /** Texts by key; `eab.kid` for `kid` within `eab`. */
  values: ReadonlyMap<string, string>
}

export interface TakenItems {
  items: readonly SettingsItem[]
  /** The file without the list. */
  rest: ReadonlyMap<string, string>
  mistakes: readonly SettingMistake[]
}

/** Takes a list of groups out of what stands in the settings file. */
export function takeItems(file: ReadonlyMap<string, string>, list: string): TakenItems {
  const byPath = new Map<string, Map<string, string>>()
  const rest = new Map<string, string>()
  const mistakes: SettingMistake[] = []
  for (const [path, text] of file) {
    const [, item, key] = /^([^[\].]+\[\d+\])\.(.+)$/.exec(path) ?? []
    if (item !== undefined && key !== undefined && item.startsWith(`${list}[`)) {
      byPath.set(item, (byPath.get(item) ?? new Map<string, string>()).set(key, text))
    } else if (path === list || path.startsWith(`${list}.`)) {
      mistakes.push({ name: path, message: `must be in a list: ${list} is a list of groups` })
    } else {
      rest.set(path, text)
    }
  }
  const items = [...byPath].map(([path, values]) => ({ path, values }))
  return { items, rest, mistakes }
}

/** Reads one group and keeps what was wrong, so that all of it can be told at once. */
export class ItemReader<Key extends string> {
  readonly path: string
  readonly mistakes: SettingMistake[] = []
  readonly #values: ReadonlyMap<string, string>

  constructor({ path, values }: SettingsItem) {
    this.path = path
    this.#values = values
  }

  isSet(key: Key): boolean {
    return Boolean(this.#values.get(key)?.trim())
  }

  /**
   * The value, or undefined where it is unset or wrong.
   *
   * @param parse throws `FormError` with the rule and (of no secret) the value
   */
  optional<Value>(key: Key, parse: (text: string) => Value): Value | undefined {
    const text = this.#values.get(key)?.trim()
    if (!text) return undefined
    try {
      return parse(text)
    } catch (error) {
      if (!(error instanceof FormError)) throw error
      this.refuse(key, error.message)
      return undefined
    }
  }

  /** The same of what must be there. */
  required<Value>(key: Key, parse: (text: string) => Value): Value | undefined {
    if (!this.isSet(key)) this.refuse(key, 'must be set')
    return this.optional(key, parse)
  }

  refuse(key: Key, message: string): void {
    this.mistakes.push({ name: `${this.path}.${key}`, message })
  }

  /** Keys that are not among the known ones, each with the nearest that is. */
  refuseOthers(known: readonly Key[], what: string): void {
    for (const key of this.#values.keys()) {
      if (known.some((name) => name === key)) continue
      const nearest = nearestName(key, known)
      const message = `is no setting of ${what}${nearest ? `: did you mean ${nearest}?` : ''}`
      this.mistakes.push({ name: `${this.path}.${key}`, message })
    }
  }
}
