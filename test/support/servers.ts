import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'

import { ensurePackages, getProgram } from './packages.ts'
import { freePort } from './ports.ts'
import { tempDir } from './temp-dir.ts'

/** Real servers on loopback, in temporary folders, stopped by whoever started them. */
export interface RedisServer extends AsyncDisposable {
  /** `redis://127.0.0.1:port`, with the password where one was asked for. */
  readonly url: string
  readonly port: number
  /** Of the running process, or of the last one. */
  readonly pid: number
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>
  /** Starts it anew, empty, on the same port; kills it first if it runs. Resolves when it answers. */
  restart(): Promise<void>
  /** Ends it and removes its folder; idempotent. */
  close(): Promise<void>
}

export interface RedisServerOptions {
  /** @default a free one */
  port?: number
  /** Folder to run in. @default a temporary one, removed by `close` */
  dir?: string
  password?: string
}

/** A redis-server that keeps nothing on disk. Resolves when it answers. */
export async function startRedis(options: RedisServerOptions = {}): Promise<RedisServer> {
  await ensurePackages(['redis-server'])
  const temp = options.dir === undefined ? tempDir() : undefined
  const dir = options.dir ?? temp?.path ?? '.'
  const port = options.port ?? (await freePort())
  const { password } = options
  const start = (): Promise<ChildProcess> => launch({ port, dir, password })
  let child = await start()
  const stop = async (signal: NodeJS.Signals): Promise<void> => {
    if (isRunning(child)) await signalAndWait(child, signal)
  }
  const close = async (): Promise<void> => {
    await stop('SIGKILL')
    temp?.remove()
  }
  return {
    url: `redis://${password === undefined ? '' : `:${password}@`}127.0.0.1:${port}`,
    port,
    get pid() {
      return child.pid ?? 0
    },
    kill: () => stop('SIGKILL'),
    async restart() {
      await stop('SIGKILL')
      child = await start()
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

interface Launch {
  port: number
  dir: string
  password: string | undefined
}

async function launch({ port, dir, password }: Launch): Promise<ChildProcess> {
  const settings = {
    port: String(port),
    bind: '127.0.0.1',
    dir,
    save: '',
    appendonly: 'no',
    daemonize: 'no',
    ...(password === undefined ? {} : { requirepass: password }),
  }
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value])
  const child = startProcess(getProgram('redis-server'), args)
  await whenReady(child, () => answersPing(port))
  return child
}

/** Never outlives this process. Its output is kept for the message of a failed start. */
function startProcess(program: string, args: readonly string[]): ChildProcess & { said(): string } {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const killOnExit = (): void => void child.kill('SIGKILL')
  process.once('exit', killOnExit)
  child.once('exit', () => process.off('exit', killOnExit))
  let said = ''
  const hear = (chunk: Buffer): void => {
    said = (said + chunk.toString()).slice(-4096)
  }
  child.stdout.on('data', hear)
  child.stderr.on('data', hear)
  return Object.assign(child, { said: () => said })
}

const READY_TRIES = 500
const READY_EVERY_MS = 20

async function whenReady(
  child: ChildProcess & { said(): string },
  isReady: () => Promise<boolean>,
): Promise<void> {
  for (let tries = 0; tries < READY_TRIES && isRunning(child); tries++) {
    if (await isReady()) return
    await new Promise((resolve) => setTimeout(resolve, READY_EVERY_MS))
  }
  child.kill('SIGKILL')
  throw new Error(`${child.spawnfile} did not get ready:\n${child.said()}`)
}

/** Any reply will do: with a password set it is an error that asks for it. */
function answersPing(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'))
    const end = (ready: boolean): void => {
      socket.destroy()
      resolve(ready)
    }
    socket.once('data', (reply: Buffer) => end(/^(\+PONG|-NOAUTH)/.test(reply.toString())))
    socket.once('error', () => end(false))
    socket.once('close', () => resolve(false))
  })
}

function isRunning(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null
}

async function signalAndWait(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const gone = once(child, 'exit')
  child.kill(signal)
  await gone
}
