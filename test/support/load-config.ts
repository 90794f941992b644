import { ConfigError, loadConfig, type ConfigMistake } from '#config/config.ts'

export interface GivenSettings {
  env?: Record<string, string>
  /** Texts by path. */
  files?: Record<string, string>
  cores?: number
}

export function loadWith({
  env = {},
  files = {},
  cores = 4,
}: GivenSettings): ReturnType<typeof loadConfig> {
  const readFile = (path: string): string => {
    const text = files[path]
    if (text === undefined) throw new Error(`ENOENT: no such file: ${path}`)
    return text
  }
  return loadConfig({ env, readFile, cores })
}

/** With the settings file that `text` is. */
export function loadWithFile(
  text: string,
  env: Record<string, string> = {},
): ReturnType<typeof loadConfig> {
  return loadWith({ env: { ...env, CUSTOS_CONFIG: '/c.yaml' }, files: { '/c.yaml': text } })
}

/** What `run` throws as `ConfigError`. */
export function mistakesOf(run: () => unknown): readonly ConfigMistake[] {
  try {
    run()
  } catch (error) {
    if (error instanceof ConfigError) return error.mistakes
    throw error
  }
  throw new Error('no mistake was found')
}
