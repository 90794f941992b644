import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

import { freePort } from '#test/ports.ts'

import { makeCertificates, type BenchCertificates } from './certificates.ts'
import type { Opponent, Setting } from './opponents/opponent.ts'
import type { Subject } from './measure.ts'
import { LOAD_CORES, startPinned, waitForPort } from './processes.ts'

export const HOSTNAME = 'bench.localhost'

/** The origin and the certificates that all share, in a temporary directory. */
export interface Field extends AsyncDisposable {
  readonly directory: string
  /** Starts it; closed with the field, the newest first. */
  add(opponent: Pick<Opponent, 'name' | 'start'>): Promise<Subject>
}

export async function prepareField(): Promise<Field> {
  await using stack = new AsyncDisposableStack()
  const directory = mkdtempSync(join(tmpdir(), 'custos-bench-'))
  stack.defer(() => rmSync(directory, { recursive: true, force: true }))
  const certificates = await makeCertificates(directory, HOSTNAME)
  const originPort = await freePort()
  const origin = startPinned(
    process.execPath,
    [resolve(import.meta.dirname, 'origin.ts'), String(originPort)],
    { cores: LOAD_CORES, log: join(directory, 'origin.log') },
  )
  stack.use(origin)
  await waitForPort(originPort, origin)
  return createField(stack.move(), { directory, certificates, originPort })
}

interface Shared {
  directory: string
  certificates: BenchCertificates
  originPort: number
}

function createField(stack: AsyncDisposableStack, shared: Shared): Field {
  const settingFor = async (name: string): Promise<Setting> => {
    const directory = join(shared.directory, name.replaceAll(/\W+/g, '-'))
    mkdirSync(directory)
    return { ...shared, directory, port: await freePort(), hostname: HOSTNAME }
  }
  return {
    directory: shared.directory,
    async add(opponent) {
      const running = await opponent.start(await settingFor(opponent.name))
      stack.use(running)
      return { name: opponent.name, running, hostname: HOSTNAME }
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}
