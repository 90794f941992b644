import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { connect } from 'node:net'
import { availableParallelism } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'

/** Core of the process under test; load generators and the origin get all the others. */
export const TEST_CORE = '0'
export const LOAD_CORES = availableParallelism() > 2 ? `1-${availableParallelism() - 1}` : '1'

export interface StartOptions {
  cores: string
  /** Receives standard output and error. */
  log: string
  cwd?: string
  env?: Record<string, string>
}

export interface StartedProcess extends AsyncDisposable {
  readonly pid: number
  /** Throws, with the end of the log, when the process has ended. */
  assertAlive(): void
  /** SIGTERM, then SIGKILL to the group after five seconds. Idempotent; waits until it is gone. */
  close(): Promise<void>
}

/** Starts a server on the given cores, in a group of its own so that none of it can be left over. */
export function startPinned(
  command: string,
  args: readonly string[],
  options: StartOptions,
): StartedProcess {
  const log = openSync(options.log, 'a')
  const child = spawn('taskset', ['-c', options.cores, command, ...args], {
    stdio: ['ignore', log, log],
    detached: true,
    env: { ...process.env, ...options.env },
    ...(options.cwd && { cwd: options.cwd }),
  })
  closeSync(log)
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve())
    child.once('error', () => resolve())
  })
  const { pid } = child
  if (pid === undefined) throw new Error(`Cannot start ${command}: is taskset installed?`)
  let closing: Promise<void> | undefined
  const close = (): Promise<void> => (closing ??= endGroup(child, pid, exited))
  return {
    pid,
    assertAlive: () => assertAlive(child, command, options.log),
    close,
    [Symbol.asyncDispose]: close,
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null
}

function assertAlive(child: ChildProcess, command: string, log: string): void {
  if (!hasEnded(child)) return
  const end = readFileSync(log, 'utf8').trimEnd().split('\n').slice(-15).join('\n')
  throw new Error(`${command} has ended (${child.signalCode ?? child.exitCode}):\n${end}`)
}

async function endGroup(child: ChildProcess, pid: number, exited: Promise<void>): Promise<void> {
  if (!hasEnded(child)) child.kill('SIGTERM')
  await Promise.race([exited, sleep(5_000, undefined, { ref: false })])
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // The whole group has gone by itself, which is what was wanted.
  }
  await exited
}

/** Waits until something accepts connections, for at most `timeoutMs`. */
export async function waitForPort(
  port: number,
  owner: StartedProcess,
  timeoutMs = 10_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs
  while (!(await accepts(port))) {
    owner.assertAlive()
    if (performance.now() > deadline) throw new Error(`Nothing listens on port ${port}`)
    await sleep(25)
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

/** The process and all its descendants. */
export function processTree(root: number): number[] {
  const parents = new Map<number, number>()
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry)
    if (Number.isInteger(pid)) parents.set(pid, parentOf(pid))
  }
  const tree = [root]
  for (const pid of tree) {
    for (const [child, parent] of parents) if (parent === pid) tree.push(child)
  }
  return tree
}

function parentOf(pid: number): number {
  const stat = readProc(`/proc/${pid}/stat`)
  // The command's name stands in parentheses and may hold anything: count from the last one.
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1] ?? 0)
}

/** Those of the processes that hold a socket listening on the TCP port. */
export function listenersAmong(pids: readonly number[], port: number): number[] {
  const inodes = listeningInodes(port)
  return pids.filter((pid) => {
    try {
      const fds = readdirSync(`/proc/${pid}/fd`)
      return fds.some((fd) => inodes.has(readlinkSync(`/proc/${pid}/fd/${fd}`)))
    } catch {
      return false
    }
  })
}

function listeningInodes(port: number): Set<string> {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const lines = [
    ...readProc('/proc/net/tcp').split('\n'),
    ...readProc('/proc/net/tcp6').split('\n'),
  ]
  const fields = lines.map((line) => line.trim().split(/\s+/))
  const listening = fields.filter((f) => f[1]?.endsWith(suffix) && f[3] === '0A')
  return new Set(listening.map((f) => `socket:[${f[9]}]`))
}

/**
 * CPU time that the threads of the processes have used, in microseconds: what utime + stime count,
 * read where the kernel gives it in nanoseconds instead of ticks of 10 ms.
 */
export function cpuMicroseconds(pids: readonly number[]): number {
  let nanoseconds = 0
  for (const pid of pids) {
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      const [onCpu] = readProc(`/proc/${pid}/task/${thread}/schedstat`).split(' ')
      nanoseconds += Number(onCpu)
    }
  }
  return nanoseconds / 1_000
}

/** Time that a core did not stand idle, whoever used it; in steps of 10 ms (proc_stat(5)). */
export function busyMicroseconds(core: string): number {
  const line = readProc('/proc/stat')
    .split('\n')
    .find((line) => line.startsWith(`cpu${core} `))
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = (line ?? '')
    .split(' ')
    .slice(1)
    .map(Number)
  return (user + nice + system + irq + softirq + steal) * 10_000
}

function readProc(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

export interface Finished {
  stdout: string
  stderr: string
  code: number | null
}

/** Runs a program to its end, killing it after `timeoutMs`. */
export function runToEnd(
  command: string,
  args: readonly string[],
  timeoutMs = 60_000,
): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs)
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    child.once('error', reject)
    child.once('close', (code) => {
      clearTimeout(timer)
      resolve({ stdout, stderr, code })
    })
  })
}
