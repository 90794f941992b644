import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'

import { describe, expect, it } from 'vitest'

import { cpuMicroseconds, listenersAmong, processTree } from '../../bench/processes.ts'

describe('the processes under test', () => {
  it('are counted by the CPU time that they used', async () => {
    const before = cpuMicroseconds([process.pid])
    const start = process.cpuUsage()
    const used = (): number => {
      const { user, system } = process.cpuUsage(start)
      return user + system
    }
    while (used() < 50_000) {
      // Burns what is then to be found.
    }
    expect(cpuMicroseconds([process.pid]) - before).toBeGreaterThanOrEqual(40_000)
  })

  it('are found from the root down', async () => {
    const child = spawn('sh', ['-c', 'sleep 30 & echo started; wait'], {
      stdio: ['ignore', 'pipe', 'ignore'],
      detached: true,
    })
    await once(child.stdout, 'data')
    const tree = processTree(child.pid ?? 0)
    process.kill(-(child.pid ?? 0), 'SIGKILL')
    await once(child, 'exit')
    expect(tree).toHaveLength(2)
    expect(tree[0]).toBe(child.pid)
    expect(processTree(process.pid)).not.toContain(process.ppid)
  })

  it('are told apart by who listens on the port', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    const port = typeof address === 'object' && address ? address.port : 0
    expect(listenersAmong([process.pid, process.ppid], port)).toEqual([process.pid])
    server.close()
    await once(server, 'close')
    expect(listenersAmong([process.pid], port)).toEqual([])
  })
})
