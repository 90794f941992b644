import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { DataDirError, prepareDataDir } from '#lib/data-dir.ts'
import { systemRandom } from '#lib/random.ts'

let parent: string
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'custos-data-dir-'))
})
afterEach(() => rm(parent, { recursive: true, force: true }))

const random = systemRandom
const modeOf = async (path: string): Promise<number> => (await stat(path)).mode & 0o777

describe('prepareDataDir', () => {
  it('makes the directory and both secrets for their owner alone', async () => {
    const path = join(parent, 'a/b/data')
    const made = await prepareDataDir(path, { random })

    expect(made.path).toBe(path)
    expect(made.apiToken).toMatch(/^[A-Za-z0-9_-]{43}$/)
    expect(made.secretKeys.map((key) => key.length)).toEqual([32])
    expect(made.warnings).toEqual([])
    expect(await modeOf(path)).toBe(0o700)
    expect(await modeOf(join(path, 'api-token'))).toBe(0o600)
    expect(await modeOf(join(path, 'secret.key'))).toBe(0o600)
    expect((await readdir(path)).toSorted()).toEqual(['api-token', 'secret.key'])
  })

  it('finds the same secrets at the next start', async () => {
    const first = await prepareDataDir(parent, { random })
    expect(await prepareDataDir(parent, { random })).toEqual(first)
  })

  it('lets ten first starts at once agree on one secret', async () => {
    const path = join(parent, 'data')
    const all = await Promise.all(
      Array.from({ length: 10 }, () => prepareDataDir(path, { random })),
    )
    expect(new Set(all.map(({ apiToken }) => apiToken)).size).toBe(1)
    expect(new Set(all.map(({ secretKeys }) => String(secretKeys[0]))).size).toBe(1)
    expect(await readdir(path)).toHaveLength(2)
  })

  it('writes no secret that is given', async () => {
    const secretKeys = [new Uint8Array(32).fill(7)]
    const made = await prepareDataDir(parent, { random, apiToken: 'given', secretKeys })
    expect(made).toMatchObject({ apiToken: 'given', secretKeys })
    expect(await readdir(parent)).toEqual([])
  })

  it('reads several keys, one a line, in order', async () => {
    const keys = [1, 2].map((value) => new Uint8Array(32).fill(value))
    const lines = keys.map((key) => Buffer.from(key).toString('base64'))
    await writeFile(join(parent, 'secret.key'), `${lines.join('\n')}\n`, { mode: 0o600 })
    expect((await prepareDataDir(parent, { random })).secretKeys).toEqual(keys)
  })

  it('says so when others may read a secret', async () => {
    await writeFile(join(parent, 'api-token'), 'token\n', { mode: 0o644 })
    const { warnings } = await prepareDataDir(parent, { random })
    expect(warnings).toEqual([`${join(parent, 'api-token')} may be read by others: make it 0600`])
  })

  it('refuses a key of another length without showing it', async () => {
    const short = Buffer.alloc(16, 'k').toString('base64')
    await writeFile(join(parent, 'secret.key'), short, { mode: 0o600 })
    const error = await prepareDataDir(parent, { random }).catch((cause: unknown) => cause)
    expect(error).toBeInstanceOf(DataDirError)
    expect(String(error)).toContain(
      `Cannot use ${join(parent, 'secret.key')}: must be 32 random bytes in base64: received 16 bytes`,
    )
    expect(String(error)).not.toContain(short)
  })

  it.each([
    ['api-token', '', 'must hold a token: is empty'],
    ['api-token', 'two words', 'must be at most 1024 letters, digits'],
    ['secret.key', ' \n', 'must hold a key a line: is empty'],
    ['secret.key', 'x'.repeat(20_000), 'must be a file of at most 16384 bytes'],
  ])('refuses %s that holds %.20j', async (name, content, message) => {
    await writeFile(join(parent, name), content, { mode: 0o600 })
    await expect(prepareDataDir(parent, { random })).rejects.toThrow(message)
  })

  it('refuses a directory in the place of a secret', async () => {
    await mkdir(join(parent, 'api-token'))
    await expect(prepareDataDir(parent, { random })).rejects.toThrow('must be a file')
  })

  it('names path and reason where the path is a file', async () => {
    const path = join(parent, 'file')
    await writeFile(path, '')
    await expect(prepareDataDir(path, { random })).rejects.toThrow(
      `Cannot use data directory ${path}: not a directory`,
    )
    await expect(prepareDataDir(join(path, 'below'), { random })).rejects.toThrow('ENOTDIR')
    expect(await readFile(path, 'utf8')).toBe('')
  })

  it('names the reason where a link leads nowhere', async () => {
    const path = join(parent, 'link')
    await symlink(join(parent, 'nowhere'), path)
    await expect(prepareDataDir(path, { random })).rejects.toThrow('ENOENT')
    await expect(prepareDataDir(join(path, 'below'), { random })).rejects.toThrow('ENOENT')
  })

  it('names path and reason where nobody may write, root neither', async () => {
    await expect(prepareDataDir('/proc/custos/data', { random })).rejects.toThrow(
      'Cannot use data directory /proc/custos/data: E',
    )
  })
})
