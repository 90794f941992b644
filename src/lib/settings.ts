import { FormError } from './form-error.ts'
import { nearestName } from './nearest-name.ts'

/** What can be set, by variable: the one source for reading and for documentation. */
export type SettingsTable = Readonly<Record<string, SettingRow>>

export type SettingRow =
  /** Has a value always; the default is read like any other text. */
  | { default: string; meaning: string }
  /** May be unset; `unset` says what that means. */
  | { unset: string; meaning: string }

type Defaulted<Table> = {
  [Name in keyof Table & string]: Table[Name] extends { default: string } ? Name : never
}[keyof Table & string]

export interface SettingMistake {
  /** The variable, or the path in the file. */
  name: string
  /** What is wrong, with the value received (secrets are not shown). */
  message: string
}

export interface SettingsSource {
  /** A variable that is empty counts as not set. */
  env: Readonly<Record<string, string | undefined>>
  /** By path (`pathOf`). The environment wins. */
  file: ReadonlyMap<string, string>
  naming: SettingsNaming
}

export interface SettingsNaming {
  /** Start of all variables, such as `CUSTOS_`. */
  prefix: string
  /** First words that are groups in the file: `EDGE` makes `edge.accessLog` of `EDGE_ACCESS_LOG`. */
  groups: readonly string[]
  /** The variable that names the file: it cannot stand in it. */
  fileVariable: string
}

/** Where a variable's setting stands in the file: camel case, without the prefix, in groups. */
export function pathOf(variable: string, naming: SettingsNaming): string {
  const { prefix, groups, fileVariable } = naming
  if (variable === fileVariable) return ''
  const stem = variable.slice(prefix.length)
  const group = groups.find((name) => stem.startsWith(`${name}_`))
  if (group === undefined) return camelCase(stem)
  return `${camelCase(group)}.${camelCase(stem.slice(group.length + 1))}`
}

function camelCase(words: string): string {
  return words.toLowerCase().replace(/_(.)/g, (_, letter: string) => letter.toUpperCase())
}

export interface SettingDescription {
  variable: string
  /** In the settings file; empty for what cannot stand there. */
  path: string
  /** The default, or what unset means. */
  fallback: string
  meaning: string
}

/** The table as people read it. */
export function describeSettings(
  table: SettingsTable,
  naming: SettingsNaming,
): SettingDescription[] {
  return Object.entries(table).map(([variable, row]) => ({
    variable,
    path: pathOf(variable, naming),
    fallback: 'default' in row ? row.default : row.unset,
    meaning: row.meaning,
  }))
}

/** Reads settings one by one and keeps what was wrong, so that all of it can be told at once. */
export class SettingsReader<Table extends SettingsTable> {
  readonly mistakes: SettingMistake[] = []
  readonly #table: Table
  readonly #source: SettingsSource

  constructor(table: Table, source: SettingsSource) {
    this.#table = table
    this.#source = source
  }

  /**
   * The value, or the default; where what was set is wrong, the mistake is kept and the default
   * returned.
   *
   * @param parse throws `FormError` with the rule and (of no secret) the value
   */
  value<Value>(variable: Defaulted<Table>, parse: (text: string) => Value): Value {
    const row = this.#table[variable]
    const fallback = row && 'default' in row ? row.default : ''
    const value = this.optional(variable, parse)
    return value === undefined ? parse(fallback) : value
  }

  /** The value, or undefined where it is unset or wrong. */
  optional<Value>(
    variable: keyof Table & string,
    parse: (text: string) => Value,
  ): Value | undefined {
    const { name, text } = this.#find(variable)
    if (text === undefined) return undefined
    try {
      return parse(text)
    } catch (error) {
      if (!(error instanceof FormError)) throw error
      this.mistakes.push({ name, message: error.message })
      return undefined
    }
  }

  /** How it was set: the name to use in a message about its value. */
  nameOf(variable: keyof Table & string): string {
    return this.#find(variable).name
  }

  /** Whether it stands in environment or file, right or wrong. */
  isSet(variable: keyof Table & string): boolean {
    return this.#find(variable).text !== undefined
  }

  #find(variable: string): { name: string; text: string | undefined } {
    const fromEnv = this.#source.env[variable]?.trim()
    if (fromEnv) return { name: variable, text: fromEnv }
    const path = pathOf(variable, this.#source.naming)
    const fromFile = this.#source.file.get(path)?.trim()
    return fromFile ? { name: path, text: fromFile } : { name: variable, text: undefined }
  }
}

/** Variables with our prefix that no setting has, each with the nearest one that exists. */
export function unknownVariables(
  known: readonly string[],
  { env, naming: { prefix } }: SettingsSource,
): SettingMistake[] {
  const stems = known.map((name) => name.slice(prefix.length))
  return Object.keys(env)
    .filter((name) => name.startsWith(prefix) && !known.includes(name))
    .map((name) => {
      const nearest = nearestName(name.slice(prefix.length), stems)
      return { name, message: unknownMessage(nearest && `${prefix}${nearest}`) }
    })
}

/** Paths in the file that no setting has, each with the nearest one that exists. */
export function unknownPaths(
  known: readonly string[],
  { file, naming }: SettingsSource,
): SettingMistake[] {
  const paths = known.map((variable) => pathOf(variable, naming))
  return [...file.keys()]
    .filter((path) => !paths.includes(path))
    .map((path) => {
      const asVariable = paths[known.indexOf(path)]
      return { name: path, message: unknownMessage(asVariable ?? nearestPath(path, paths)) }
    })
}

/** Also a path above or below a setting: `control.host` means `control`. */
function nearestPath(path: string, known: readonly string[]): string | undefined {
  const related = known.find((name) => path.startsWith(`${name}.`) || name.startsWith(`${path}.`))
  return related ?? nearestName(path, known)
}

function unknownMessage(nearest: string | undefined): string {
  return nearest ? `is no setting: did you mean ${nearest}?` : 'is no setting'
}
