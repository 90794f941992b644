/**
 * Loaded into Custos (`--import`), counts what a hostname costs in numbers that no other load on the
 * machine changes. The main process leaves them at its end in the file that `BENCH_WORK_FILE` names;
 * what start and end of the process take is in them.
 */
import { subscribe } from 'node:diagnostics_channel'
import { Socket } from 'node:dgram'
import { writeFileSync } from 'node:fs'
import { DatabaseSync, StatementSync } from 'node:sqlite'

const work = {
  'requests to the CA': 0,
  'connections to the CA': 0,
  'DNS questions': 0,
  'commits of the store': 0,
  'commits of the directory': 0,
  'SQL statements': 0,
}

/** Has `note` told of each call of a method, before the call. */
function watch(owner: object, name: string, note: (self: unknown, first: unknown) => void): void {
  const original: unknown = Reflect.get(owner, name)
  if (typeof original !== 'function') throw new TypeError(`There is no ${name} to watch`)
  Reflect.set(owner, name, function (this: unknown, ...args: unknown[]): unknown {
    note(this, args[0])
    return Reflect.apply(original, this, args)
  })
}

function countCommit(database: unknown, sql: unknown): void {
  if (sql !== 'COMMIT' || !(database instanceof DatabaseSync)) return
  const isStore = database.location()?.endsWith('custos.db') ?? false
  work[isStore ? 'commits of the store' : 'commits of the directory']++
}

const file = process.env['BENCH_WORK_FILE']
if (file !== undefined) {
  // The workers inherit the environment.
  delete process.env['BENCH_WORK_FILE']
  subscribe('undici:request:create', () => work['requests to the CA']++)
  subscribe('undici:client:connected', () => work['connections to the CA']++)
  watch(Socket.prototype, 'send', () => work['DNS questions']++)
  watch(DatabaseSync.prototype, 'exec', countCommit)
  for (const name of ['run', 'get', 'all']) {
    watch(StatementSync.prototype, name, () => work['SQL statements']++)
  }
  process.once('exit', () => writeFileSync(file, JSON.stringify(work)))
}
