import { once } from 'node:events'
import { createServer } from 'node:net'

import { afterEach, describe, expect, it } from 'vitest'

import { HEARTBEAT_TTL_MS } from '#directory/directory.ts'
import { ListenError } from '#lib/listen-error.ts'
import { systemClock } from '#lib/clock.ts'
import { renderMetrics } from '#lib/metrics.ts'
import { makeDevCertificates } from '#test/dev-certs.ts'
import {
  startEdgeProcesses,
  type TestEdgeProcesses,
  type TestEdgeProcessesOptions,
} from '#test/edge-processes.ts'
import { freePort } from '#test/ports.ts'
import { isRunning } from '#test/processes.ts'
import { rawClient } from '#test/raw-client.ts'
import { sClient } from '#test/s-client.ts'
import { aBinding, sealedChains } from '#test/test-binding.ts'
import { waitUntil } from '#test/wait.ts'

/** Real worker processes over a real SQLite directory. */
const stack: AsyncDisposable[] = []

async function start(options: TestEdgeProcessesOptions = {}): Promise<TestEdgeProcesses> {
  const processes = await startEdgeProcesses(options)
  stack.push(processes)
  return processes
}

afterEach(async () => {
  for (const started of stack.splice(0)) await started[Symbol.asyncDispose]()
})

function pidsOf({ processes }: TestEdgeProcesses): number[] {
  return processes.map(({ pid }) => pid ?? 0)
}

describe('the edge', () => {
  it('serves what is published, once every worker has reported it', async () => {
    const { edge, publisher, metrics, processes } = await start({ workers: 2 })
    expect(edge.readyWorkers).toBe(2)
    expect(edge.workerPids).toEqual(processes.map(({ pid }) => pid))
    expect(edge.http.port).not.toBe(edge.https.port)
    const name = 'app.customer.test'
    const answer = await sClient({ port: edge.https.port, serverName: name })
    expect(answer.alert).toBe('unrecognized name')
    const chains = sealedChains(await makeDevCertificates([name]))
    const changeId = await publisher.publish(aBinding(name, { chains }))
    await waitUntil('both workers have applied it', async () => {
      const edges = await publisher.listEdges(systemClock.now())
      return edges.length === 2 && edges.every(({ applied }) => applied >= changeId)
    })
    for (let i = 0; i < 4; i++) {
      const { version } = await sClient({ port: edge.https.port, serverName: name })
      expect(version).toBe('TLSv1.3')
    }
    const text = await renderMetrics([await metrics.snapshot(), ...(await edge.measure())])
    expect(text).toMatch(/custos_edge_handshakes_total\{result="ok",version="TLSv1.3",.*\} 4/)
    expect(text).toMatch(/custos_edge_handshakes_total\{result="unknown-name".*\} 1/)
    expect(text).toMatch(/custos_edge_worker_restarts_total 0/)
  })

  it('starts another worker in place of one that was killed', async () => {
    const started = await start({ workers: 2 })
    const { edge, metrics, processes } = started
    const [first] = pidsOf(started)
    process.kill(first ?? 0, 'SIGKILL')
    await waitUntil('it is replaced', () => processes.length === 3 && edge.readyWorkers === 2)
    expect(edge.workerPids).not.toContain(first)
    const text = await renderMetrics([await metrics.snapshot()])
    expect(text).toContain('custos_edge_worker_restarts_total 1')
  })

  it('goes on trying where a new worker cannot start either', async () => {
    const started = await start({ workers: 1, flags: (i) => (i === 1 || i === 2 ? ['fail'] : []) })
    process.kill(pidsOf(started)[0] ?? 0, 'SIGKILL')
    await waitUntil('the fourth one is ready', () => {
      return started.processes.length === 4 && started.edge.readyWorkers === 1
    })
    expect(started.edge.workerPids).toEqual([pidsOf(started)[3]])
  })
})

describe('a port that somebody has', () => {
  it.each(['https', 'http'] as const)('for %s is one clear error', async (which) => {
    const holder = createServer()
    holder.listen(0, '127.0.0.1')
    await once(holder, 'listening')
    const bound = holder.address()
    const port = typeof bound === 'object' && bound !== null ? bound.port : 0
    const attempt = startEdgeProcesses({ [which]: { host: '127.0.0.1', port } })
    await expect(attempt).rejects.toThrow(`Cannot listen on 127.0.0.1:${port}`)
    await expect(attempt).rejects.toMatchObject({ kind: 'address-in-use', address: { port } })
    holder.close()
  })

  it('is noticed when another edge has it, though its workers share it among themselves', async () => {
    const port = await freePort()
    await start({ workers: 1, https: { host: '127.0.0.1', port } })
    const attempt = startEdgeProcesses({ workers: 1, https: { host: '127.0.0.1', port } })
    await expect(attempt).rejects.toBeInstanceOf(ListenError)
  })

  it('that only the workers cannot have ends the start, and leaves no process', async () => {
    const attempt = startEdgeProcesses({ https: { host: '192.0.2.1', port: 0 } })
    await expect(attempt).rejects.toMatchObject({ kind: 'address-not-available' })
  })
})

describe('a worker that cannot start', () => {
  it('ends the start of the whole, and leaves no process', async () => {
    const forked: number[] = []
    const attempt = startEdgeProcesses({
      workers: 2,
      flags: (i) => {
        forked.push(i)
        return i === 1 ? ['fail'] : []
      },
    })
    await expect(attempt).rejects.toThrow('ended with 3')
    expect(forked).toEqual([0, 1])
  })
})

describe('closing the edge', () => {
  it('lets workers drain, sign off and end; twice is once', async () => {
    const started = await start({ workers: 2, flags: () => ['drain=200'] })
    const { edge, publisher } = started
    await waitUntil('both workers have reported', async () => {
      return (await publisher.listEdges(systemClock.now())).length === 2
    })
    await Promise.all([edge.close(), edge.close()])
    expect(pidsOf(started).filter(isRunning)).toEqual([])
    expect(started.processes.map(({ exitCode }) => exitCode)).toEqual([0, 0])
    expect(await publisher.listEdges(systemClock.now())).toEqual([])
    expect(HEARTBEAT_TTL_MS).toBeGreaterThan(1_000)
  })

  it('stops accepting at once while it drains', async () => {
    const { edge } = await start({ workers: 1, flags: () => ['drain=1000'] })
    const closed = edge.close()
    await waitUntil('nobody accepts', async () => {
      try {
        using _client = await rawClient(edge.https.port)
        return false
      } catch {
        return true
      }
    })
    expect(edge.workerPids).toHaveLength(1)
    await closed
  })

  it('is over at once when it is asked for a second time, now', async () => {
    const started = await start({ workers: 2, drainMs: 60_000, flags: () => ['drain=60000'] })
    const patient = started.edge.close()
    await started.edge.close({ now: true })
    await patient
    expect(pidsOf(started).filter(isRunning)).toEqual([])
  })
})

describe('a primary that is gone', () => {
  it('makes its workers stop accepting, drain and end', async () => {
    const started = await start({ workers: 2, flags: () => ['drain=100'] })
    for (const child of started.processes) child.disconnect()
    await waitUntil('they are gone', () => !pidsOf(started).slice(0, 2).some(isRunning))
    expect(started.processes.slice(0, 2).map(({ exitCode }) => exitCode)).toEqual([0, 0])
  })
})
