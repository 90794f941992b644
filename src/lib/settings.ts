import { FormError } from './form-error.ts'
import { nearestName } from './nearest-name.ts'

/** One thing that can be set, by an environment variable or in a file: the one source for both. */
export interface Setting<Value> {
  readonly variable: string
  /** Where it stands in the settings file, such as `edge.https`. */
  readonly path: string
  /** What holds where nothing is set, in words or as one would write it. */
  readonly defaultText: string
  /** One sentence. */
  readonly meaning: string
  /** @throws {FormError} */
  read(text: string | undefined): Value
}

export interface SettingOptions<Value> {
  variable: string
  path: string
  meaning: string
  /** @throws {FormError} with the rule and (of no secret) the value */
  parse: (text: string) => Value
}

/** A setting that has a value always. `default` is read like any other text. */
export function setting<Value>(
  options: SettingOptions<Value> & { default: string },
): Setting<Value> {
  const { variable, path, meaning, parse } = options
  const read = (text: string | undefined): Value => parse(text ?? options.default)
  return { variable, path, meaning, defaultText: options.default, read }
}

/** A setting that may be unset; `unset` says what that means. */
export function optionalSetting<Value>(
  options: SettingOptions<Value> & { unset: string },
): Setting<Value | undefined> {
  const { variable, path, meaning, parse } = options
  const read = (text: string | undefined): Value | undefined =>
    text === undefined ? undefined : parse(text)
  return { variable, path, meaning, defaultText: options.unset, read }
}

export interface SettingMistake {
  /** The variable, or the path in the file. */
  name: string
  /** What is wrong, with the value received (secrets are not shown). */
  message: string
}

export interface SettingsSource {
  /** A variable that is empty counts as not set. */
  env: Readonly<Record<string, string | undefined>>
  /** By path. The environment wins. */
  file: ReadonlyMap<string, string>
}

/** Reads settings one by one and keeps what was wrong, so that all of it can be told at once. */
export class SettingsReader {
  readonly mistakes: SettingMistake[] = []
  readonly #source: SettingsSource

  constructor(source: SettingsSource) {
    this.#source = source
  }

  /** The value; where what was set is wrong, the mistake is kept and the default returned. */
  read<Value>(setting: Setting<Value>): Value {
    const { name, text } = this.#find(setting)
    try {
      return setting.read(text)
    } catch (error) {
      if (!(error instanceof FormError)) throw error
      this.mistakes.push({ name, message: error.message })
      return setting.read(undefined)
    }
  }

  /** How the setting was set: the name to use in a message about its value. */
  nameOf(setting: Setting<unknown>): string {
    return this.#find(setting).name
  }

  #find({ variable, path }: Setting<unknown>): { name: string; text: string | undefined } {
    const fromEnv = this.#source.env[variable]?.trim()
    if (fromEnv) return { name: variable, text: fromEnv }
    const fromFile = this.#source.file.get(path)?.trim()
    return fromFile ? { name: path, text: fromFile } : { name: variable, text: undefined }
  }
}

/** Variables with our prefix that no setting has, each with the nearest one that exists. */
export function unknownVariables(
  env: SettingsSource['env'],
  options: { prefix: string; known: readonly string[] },
): SettingMistake[] {
  const { prefix, known } = options
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
  file: SettingsSource['file'],
  known: readonly string[],
): SettingMistake[] {
  return [...file.keys()]
    .filter((path) => !known.includes(path))
    .map((path) => ({ name: path, message: unknownMessage(nearestPath(path, known)) }))
}

/** Also a path whose start or end is a setting: `control.host` means `control`. */
function nearestPath(path: string, known: readonly string[]): string | undefined {
  const related = known.find((name) => path.startsWith(`${name}.`) || name.startsWith(`${path}.`))
  return nearestName(path, known) ?? related
}

function unknownMessage(nearest: string | undefined): string {
  return nearest ? `is no setting: did you mean ${nearest}?` : 'is no setting'
}
