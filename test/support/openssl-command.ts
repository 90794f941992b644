import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { ensurePackages, getProgram } from './packages.ts'

const run = promisify(execFile)

/** What `openssl` says, standard output and error together. Rejects when it fails. */
export async function openssl(
  args: readonly string[],
  files: Record<string, string | Uint8Array> = {},
): Promise<string> {
  await ensurePackages(['openssl'])
  const directory = await mkdtemp(join(tmpdir(), 'custos-openssl-'))
  try {
    for (const [name, content] of Object.entries(files)) {
      await writeFile(join(directory, name), content, { mode: 0o600 })
    }
    const { stdout, stderr } = await run(getProgram('openssl'), args, {
      cwd: directory,
      timeout: 20_000,
    })
    return stdout + stderr
  } finally {
    await rm(directory, { recursive: true })
  }
}
