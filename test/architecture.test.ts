import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'

import { describe, expect, it } from 'vitest'

/**
 * The house's rules (DESIGN.md section 5), held against the imports as they are. Type-only imports
 * count: "it is only a type" is how rooms grow together.
 */
const SRC = resolve(import.meta.dirname, '../src')

/** Which rooms each room may import from. A room is the first folder, or the file, below src. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  'main.ts': ['config', 'cli', 'control', 'edge', 'store', 'directory', 'domain', 'lib'],
  config: ['domain', 'lib'],
  cli: ['config', 'domain', 'lib'],
  control: ['config', 'store', 'directory', 'domain', 'lib'],
  edge: ['config', 'directory', 'domain', 'lib'],
  store: ['domain', 'lib'],
  directory: ['domain', 'lib'],
  domain: [],
  lib: [],
}

/**
 * Which rooms of the control plane each of them may import from. What stands beside the rooms
 * (`control.ts`, `open-issuers.ts`, …) builds them and is below none of them.
 */
const MAY_IMPORT_IN_CONTROL: Record<string, readonly string[]> = {
  api: ['ca', 'certificates', 'diagnosis'],
  diagnosis: ['ca', 'dns', 'lifecycle', 'validation'],
  validation: ['ca', 'dns', 'lifecycle'],
  certificates: ['ca'],
  lifecycle: ['ca'],
  dns: ['ca'],
  ca: [],
  publisher: [],
}

/** The wrong way to an effect, the files that own it, and why nobody else may. */
const BANNED: readonly { pattern: RegExp; owners: readonly string[]; reason: string }[] = [
  {
    pattern: /\bDate\.now\b|\bnew Date\(\)|\bperformance\.now\b/,
    owners: ['lib/clock.ts'],
    reason: 'take a Clock: tests move time by hand',
  },
  {
    pattern: /\bset(Timeout|Interval)\(/,
    owners: ['lib/clock.ts'],
    reason: 'take a Clock: a timer that nobody clears outlives its owner',
  },
  {
    pattern: /\bMath\.random\b|\brandomUUID\b|\brandomBytes\b/,
    owners: ['lib/random.ts', 'lib/sealing.ts'],
    reason: 'take a Random: jitter and ids must be repeatable in tests',
  },
  {
    pattern: /\bprocess\.env\b/,
    owners: ['main.ts'],
    reason: 'settings come through Config',
  },
  { pattern: /\bconsole\./, owners: [], reason: 'take a Logger, or the CLI’s output' },
]

interface SourceFile {
  path: string
  room: string
  text: string
  imports: string[]
}

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => readSource(path))

function readSource(path: string): SourceFile {
  const text = readFileSync(join(SRC, path), 'utf8')
  const specifiers = [...text.matchAll(/(?:from|import)\s*\(?\s*'([#.][^']+)'/g)].map(
    (m) => m[1] ?? '',
  )
  return { path, room: roomOf(path), text, imports: specifiers.map((s) => resolveImport(path, s)) }
}

function roomOf(path: string): string {
  return path.split('/')[0] ?? path
}

/** The folder below `control`; empty for what stands beside the rooms, undefined outside. */
function controlRoomOf(path: string): string | undefined {
  const [room, ...rest] = path.split('/')
  if (room !== 'control') return undefined
  return rest.length > 1 ? rest[0] : ''
}

function resolveImport(from: string, specifier: string): string {
  if (specifier.startsWith('#')) return specifier.slice(1)
  return relative(SRC, resolve(SRC, dirname(from), specifier))
}

describe('the house', () => {
  it('lets imports run one way', () => {
    const wrong = files.flatMap((file) =>
      file.imports
        .filter((target) => roomOf(target) !== file.room)
        .filter((target) => !MAY_IMPORT[file.room]?.includes(roomOf(target)))
        .map((target) => `${file.path} must not import ${target}`),
    )
    expect(wrong).toEqual([])
  })

  it('lets imports run one way inside control too', () => {
    const wrong = files.flatMap((file) =>
      file.imports
        .map((target) => ({ from: controlRoomOf(file.path), to: controlRoomOf(target), target }))
        .filter(({ from, to }) => from && to !== undefined && from !== to)
        .filter(({ from = '', to = '' }) => !MAY_IMPORT_IN_CONTROL[from]?.includes(to))
        .map(({ target }) => `${file.path} must not import ${target}`),
    )
    expect(wrong).toEqual([])
  })

  it('knows built-in CA and ACME in one place only: all others know an Issuer', () => {
    const wrong = files
      .filter(({ path }) => !path.startsWith('control/ca/') && path !== 'control/open-issuers.ts')
      .filter(({ imports }) =>
        imports.some((target) => /^control\/ca\/(acme|local)\//.test(target)),
      )
    expect(wrong.map(({ path }) => path)).toEqual([])
  })

  it('uses #room/… between rooms and ./… inside one', () => {
    const wrong = files.flatMap((file) =>
      [...file.text.matchAll(/from '([#.][^']+)'/g)]
        .map((match) => match[1] ?? '')
        .filter((s) => s.startsWith('#') === (roomOf(resolveImport(file.path, s)) === file.room))
        .map((specifier) => `${file.path}: '${specifier}'`),
    )
    expect(wrong).toEqual([])
  })

  it('has no import cycle', () => {
    expect(findCycle(files)).toEqual([])
  })

  it('lets effects in through the door only', () => {
    const wrong = files.flatMap((file) =>
      BANNED.filter(({ owners }) => !owners.includes(file.path))
        .filter(({ pattern }) => pattern.test(withoutComments(file.text)))
        .map(({ pattern, reason }) => `${file.path}: ${pattern.source}: ${reason}`),
    )
    expect(wrong).toEqual([])
  })

  it('has no barrels, no utils and no file over 400 lines', () => {
    const wrong = files.filter(
      ({ path, text }) =>
        /(^|\/)(index|utils?|helpers?|common|types)\.ts$/.test(path) ||
        text.split('\n').length > 400,
    )
    expect(wrong.map(({ path }) => path)).toEqual([])
  })
})

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '')
}

/** Depth first; returns the first cycle as a list of paths. */
function findCycle(all: readonly SourceFile[]): string[] {
  const byPath = new Map(all.map((file) => [file.path, file]))
  const done = new Set<string>()
  const visit = (path: string, trail: readonly string[]): string[] => {
    const at = trail.indexOf(path)
    if (at >= 0) return [...trail.slice(at), path]
    if (done.has(path)) return []
    for (const next of byPath.get(path)?.imports ?? []) {
      const cycle = visit(next, [...trail, path])
      if (cycle.length > 0) return cycle
    }
    done.add(path)
    return []
  }
  for (const { path } of all) {
    const cycle = visit(path, [])
    if (cycle.length > 0) return cycle
  }
  return []
}
