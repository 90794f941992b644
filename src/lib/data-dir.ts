import { constants } from 'node:fs'
import { access, link, mkdir, open, readFile, rm, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'

import { FormError } from './form-error.ts'
import type { Random } from './random.ts'
import { SECRET_KEY_BYTES } from './sealing.ts'
import { parseBearerToken, parseSecretBytes } from './setting-forms.ts'

/** The directory that keeps what must outlive the process, and the secrets that were made for it. */
export interface DataDir {
  /** Absolute. */
  path: string
  /** As given, else the content of `api-token`. */
  apiToken: string
  /** As given, else the content of `secret.key`: 32 bytes each, the first seals. */
  secretKeys: readonly Uint8Array[]
  /** Sentences about what is not as it should be, such as a secret that others may read. */
  warnings: readonly string[]
}

export interface PrepareDataDirOptions {
  random: Random
  /** Where given, `api-token` is neither read nor made. */
  apiToken?: string | undefined
  /** Where given, `secret.key` is neither read nor made. */
  secretKeys?: readonly Uint8Array[] | undefined
}

/** Names the path and says what is wrong with it; never shows a secret. */
export class DataDirError extends Error {
  override readonly name = 'DataDirError'
}

export const API_TOKEN_FILE = 'api-token'
export const SECRET_KEY_FILE = 'secret.key'

/** A secret file is a line or a few; what is larger is something else. */
const MAX_SECRET_FILE_BYTES = 16_384

/**
 * Makes the directory (0700) where there is none, and in it the secrets (0600) that are not given.
 * Two processes that start at once for the first time get the same secrets.
 *
 * @throws {DataDirError} not a directory, not writable, or a secret file that holds something else
 */
export async function prepareDataDir(
  path: string,
  options: PrepareDataDirOptions,
): Promise<DataDir> {
  const directory = resolve(path)
  await makeDirectory(directory)
  const warnings: string[] = []
  const secret = (name: string, bytes: Uint8Array): Promise<string> =>
    readOrMake({ path: join(directory, name), bytes, warnings, random: options.random })
  return {
    path: directory,
    apiToken:
      options.apiToken ??
      parseApiToken(await secret(API_TOKEN_FILE, options.random.bytes(32)), directory),
    secretKeys:
      options.secretKeys ??
      parseSecretKeys(
        await secret(SECRET_KEY_FILE, options.random.bytes(SECRET_KEY_BYTES)),
        directory,
      ),
    warnings,
  }
}

async function makeDirectory(path: string): Promise<void> {
  try {
    await makeDirectories(path)
    if (!(await stat(path)).isDirectory()) throw new Error('not a directory')
    await access(path, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (cause) {
    throw new DataDirError(`Cannot use data directory ${path}: ${reasonOf(cause)}`, { cause })
  }
}

/**
 * With its parents. By hand, because `mkdir` with `recursive` never returns where the system answers
 * ENOENT although the parent is there (seen on /proc, Node 26.10).
 */
async function makeDirectories(path: string): Promise<void> {
  const error = await makeOne(path)
  if (!error) return
  const parent = dirname(path)
  if (codeOf(error) !== 'ENOENT' || parent === path || (await isThere(parent))) throw error
  await makeDirectories(parent)
  const again = await makeOne(path)
  if (again) throw again
}

async function makeOne(path: string): Promise<unknown> {
  return mkdir(path, { mode: 0o700 }).then(
    () => undefined,
    (error: unknown) => (codeOf(error) === 'EEXIST' ? undefined : error),
  )
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}

interface SecretFile {
  path: string
  /** The secret to write, base64url, where there is none yet. */
  bytes: Uint8Array
  warnings: string[]
  random: Random
}

async function readOrMake(file: SecretFile): Promise<string> {
  try {
    const known = await readSecret(file)
    if (known !== undefined) return known
    await makeSecret(file)
    return (await readSecret(file)) ?? ''
  } catch (cause) {
    if (cause instanceof DataDirError) throw cause
    throw new DataDirError(`Cannot use ${file.path}: ${reasonOf(cause)}`, { cause })
  }
}

async function readSecret({ path, warnings }: SecretFile): Promise<string | undefined> {
  const found = await stat(path).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  })
  if (!found) return undefined
  if (!found.isFile() || found.size > MAX_SECRET_FILE_BYTES) {
    throw new Error(`must be a file of at most ${MAX_SECRET_FILE_BYTES} bytes`)
  }
  if ((found.mode & 0o077) !== 0) {
    warnings.push(`${path} may be read by others: make it 0600`)
  }
  return readFile(path, 'utf8')
}

/**
 * Written whole under another name, then linked to its own: whoever finds the file finds all of it,
 * and of two that make it at once the second keeps the first's.
 */
async function makeSecret({ path, bytes, random }: SecretFile): Promise<void> {
  const draft = `${path}.${Buffer.from(random.bytes(8)).toString('hex')}`
  const handle = await open(draft, 'wx', 0o600)
  try {
    await handle.writeFile(`${Buffer.from(bytes).toString('base64url')}\n`)
    await handle.sync()
    await link(draft, path).catch((error: unknown) => {
      if (codeOf(error) !== 'EEXIST') throw error
    })
  } finally {
    await handle.close()
    await rm(draft, { force: true })
  }
}

function parseApiToken(text: string, directory: string): string {
  return inFile(join(directory, API_TOKEN_FILE), () => {
    const token = text.trim()
    if (token === '') throw new FormError('must hold a token: is empty')
    return parseBearerToken(token)
  })
}

function parseSecretKeys(text: string, directory: string): Uint8Array[] {
  return inFile(join(directory, SECRET_KEY_FILE), () => {
    const keys = text.split(/\s+/).filter((line) => line !== '')
    if (keys.length === 0) throw new FormError('must hold a key a line: is empty')
    return keys.map((key) => parseSecretBytes(key, SECRET_KEY_BYTES))
  })
}

function inFile<Value>(path: string, parse: () => Value): Value {
  try {
    return parse()
  } catch (cause) {
    if (!(cause instanceof FormError)) throw cause
    throw new DataDirError(`Cannot use ${path}: ${cause.message}`, { cause })
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
