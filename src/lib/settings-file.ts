import { isMap, isScalar, isSeq, parseDocument, type Node, type Pair } from 'yaml'

import { FormError } from './form-error.ts'
import { readNamedFile } from './setting-forms.ts'
import type { SettingMistake } from './settings.ts'

/** A settings file is written by hand; what is larger is not one. */
const MAX_CHARACTERS = 1_048_576

export interface SettingsFile {
  /**
   * Texts by path: `edge.https` for `https` within `edge`, `cas[0].kind` for `kind` of the first group
   * of a list. Lists of texts are joined with commas.
   */
  values: ReadonlyMap<string, string>
  mistakes: readonly SettingMistake[]
}

export interface ReadSettingsFileOptions {
  /** The variable that names the file. */
  variable: string
  env: Readonly<Record<string, string | undefined>>
  /** @throws when there is no such file */
  readFile: (path: string) => string
}

/** The file that a variable names; nothing where it names none. */
export function readSettingsFile({
  variable,
  env,
  readFile,
}: ReadSettingsFileOptions): SettingsFile {
  const path = env[variable]?.trim()
  if (!path) return { values: new Map(), mistakes: [] }
  try {
    return parseSettingsFile(readNamedFile(path, readFile))
  } catch (error) {
    if (!(error instanceof FormError)) throw error
    return { values: new Map(), mistakes: [{ name: variable, message: error.message }] }
  }
}

/**
 * Reads YAML as texts only (the failsafe schema): `0123` stays `0123`, `on` stays `on`, so a value
 * means the same in the file and in the environment.
 */
export function parseSettingsFile(text: string): SettingsFile {
  const values = new Map<string, string>()
  const mistakes: SettingMistake[] = []
  if (text.length > MAX_CHARACTERS) {
    const message = `must have at most ${MAX_CHARACTERS} characters: has ${text.length}`
    return { values, mistakes: [{ name: 'config file', message }] }
  }
  const document = parseDocument(text, { schema: 'failsafe', prettyErrors: true })
  for (const { message } of [...document.errors, ...document.warnings]) {
    mistakes.push({ name: 'config file', message: message.split('\n')[0] ?? message })
  }
  if (mistakes.length === 0) collect(document.contents, '', { values, mistakes })
  return { values, mistakes }
}

interface Collected {
  values: Map<string, string>
  mistakes: SettingMistake[]
}

function collect(node: Node | null, path: string, into: Collected): void {
  if (isMap(node)) {
    for (const pair of node.items) collectPair(pair, path, into)
  } else if (path !== '' && isSeq(node) && node.items.some(isMap)) {
    for (const [index, item] of node.items.entries()) collectItem(item, `${path}[${index}]`, into)
  } else if (path === '') {
    if (node && !(isScalar(node) && textOf(node) === '')) {
      into.mistakes.push({ name: 'config file', message: 'must be a mapping of settings' })
    }
  } else {
    collectValue(node, path, into)
  }
}

function collectPair(pair: Pair, path: string, into: Collected): void {
  const key = textOf(pair.key)
  if (key === undefined) {
    into.mistakes.push({ name: path || 'config file', message: 'keys must be plain texts' })
    return
  }
  const value = pair.value as Node | null
  collect(value, path === '' ? key : `${path}.${key}`, into)
}

function collectItem(item: unknown, path: string, into: Collected): void {
  if (isMap(item) && item.items.length > 0) return collect(item, path, into)
  into.mistakes.push({ name: path, message: 'must be a group of settings, as its neighbours are' })
}

function collectValue(node: Node | null, path: string, into: Collected): void {
  const parts = isSeq(node) ? node.items.map(textOf) : [textOf(node)]
  const texts = parts.filter((part) => part !== undefined)
  if (texts.length < parts.length) {
    const message = 'must be a single value or a list of single values'
    into.mistakes.push({ name: path, message })
  } else if (into.values.has(path)) {
    into.mistakes.push({ name: path, message: 'is set twice' })
  } else if (texts.length > 1 || texts[0]) {
    into.values.set(path, texts.join(','))
  }
}

/** The text of a scalar; undefined for anything else. An empty value counts as not set. */
function textOf(node: unknown): string | undefined {
  if (node === null) return ''
  return isScalar(node) && (typeof node.value === 'string' || node.value === null)
    ? (node.value ?? '')
    : undefined
}
