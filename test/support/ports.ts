import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * Below the range from which Linux picks ports by itself (32768 to 60999): otherwise an outgoing
 * connection could take a port between the moment it was handed out and the moment it is used.
 */
const FIRST = 20_000
const COUNT = 12_000
const RESERVED = join(tmpdir(), 'custos-test-ports')

let next = (process.pid * 7919) % COUNT

/**
 * A TCP port that is free on loopback and that no test process on this machine was given before,
 * as long as the process that was given it lives.
 */
export async function freePort(): Promise<number> {
  mkdirSync(RESERVED, { recursive: true })
  for (let tries = 0; tries < COUNT; tries++) {
    const port = FIRST + (next++ % COUNT)
    if (reserve(port) && (await isFree(port))) return port
  }
  throw new Error(`No free port from ${FIRST} to ${FIRST + COUNT - 1}`)
}

/** A file per port, made exclusively, with the owner's pid: a dead owner's port is free again. */
function reserve(port: number): boolean {
  const path = join(RESERVED, String(port))
  if (isHeld(path)) return false
  rmSync(path, { force: true })
  try {
    const file = openSync(path, 'wx')
    writeSync(file, String(process.pid))
    closeSync(file)
    return true
  } catch {
    return false
  }
}

function isHeld(path: string): boolean {
  try {
    const pid = Number(readFileSync(path, 'utf8'))
    return pid > 0 && process.kill(pid, 0)
  } catch {
    return false
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      server.close(() => resolve(true))
    })
  })
}
