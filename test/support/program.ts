import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'

import { waitUntil } from './wait.ts'

/** A running server of somebody else's; its end is waited for. */
export interface Program extends AsyncDisposable {
  readonly pid: number
  /** Until `ask` does not reject. @throws with what the program said, where it ended */
  whenReady(ask: () => Promise<unknown>): Promise<void>
}

/** Never outlives this process. */
export function startProgram(
  path: string,
  args: string[],
  env: Record<string, string> = {},
): Program {
  const child = spawn(path, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const killOnExit = (): void => void child.kill('SIGKILL')
  process.once('exit', killOnExit)
  let said = ''
  const hear = (chunk: Buffer): void => {
    said = (said + chunk.toString()).slice(-4096)
  }
  child.stdout.on('data', hear)
  child.stderr.on('data', hear)
  child.on('error', (error) => (said += String(error)))
  return {
    pid: child.pid ?? 0,
    async whenReady(ask) {
      await waitUntil(`${path} answers`, async () => {
        if (hasEnded(child)) throw new Error(`${path} ended early:\n${said}`)
        return ask().then(
          () => true,
          () => false,
        )
      })
    },
    async [Symbol.asyncDispose]() {
      process.off('exit', killOnExit)
      if (hasEnded(child)) return
      const gone = once(child, 'exit')
      child.kill('SIGKILL')
      await gone
    },
  }
}

function hasEnded({ pid, exitCode, signalCode }: ChildProcess): boolean {
  return pid === undefined || exitCode !== null || signalCode !== null
}
