import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

import { expect, it } from 'vitest'

import { freePort } from './ports.ts'

const run = promisify(execFile)

it('freePort gives no port twice, within and between living processes', async () => {
  const own = await Promise.all(Array.from({ length: 40 }, freePort))
  const url = new URL('./ports.ts', import.meta.url).href
  const script = `import(${JSON.stringify(url)}).then(async ({ freePort }) => {
    for (let i = 0; i < 40; i++) console.log(await freePort())
  })`
  const { stdout } = await run(process.execPath, ['-e', script])
  const others = stdout.trim().split('\n').map(Number)
  expect(others).toHaveLength(40)
  expect(new Set([...own, ...others]).size).toBe(80)
})
