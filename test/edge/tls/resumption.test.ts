import { join } from 'node:path'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import type { DirectoryPublisher, TicketKey } from '#directory/directory.ts'
import { systemClock } from '#lib/clock.ts'
import { makeDevCa, type DevCertificates } from '#test/dev-certs.ts'
import { startEdgeProcesses, type TestEdgeProcesses } from '#test/edge-processes.ts'
import { sClient, type SClientResult } from '#test/s-client.ts'
import { tempDir } from '#test/temp-dir.ts'
import { aBinding, sealedChains, testSealer } from '#test/test-binding.ts'

/** Sessions: accepted by every worker of every edge, by no other hostname. */
const dir = tempDir()
let certificates: DevCertificates
let one: TestEdgeProcesses
let two: TestEdgeProcesses

function ticketKey(fill: number): TicketKey {
  const sealed = testSealer.seal(new Uint8Array(48).fill(fill), 'ticket-key')
  return { sealed, createdAt: systemClock.now() }
}

async function fill(publisher: DirectoryPublisher): Promise<void> {
  const chains = sealedChains(certificates)
  await publisher.publish(aBinding('a.test', { chains }))
  await publisher.publish(aBinding('b.test', { chains }))
  await publisher.putTicketKeys([ticketKey(1)])
}

beforeAll(async () => {
  certificates = await (await makeDevCa()).issue(['a.test', 'b.test'])
  ;[one, two] = await Promise.all([
    startEdgeProcesses({ workers: 1 }),
    startEdgeProcesses({ workers: 1 }),
  ])
  await Promise.all([fill(one.publisher), fill(two.publisher)])
})

afterAll(async () => {
  await Promise.all([one[Symbol.asyncDispose](), two[Symbol.asyncDispose]()])
  dir.remove()
})

interface Visit {
  to: TestEdgeProcesses
  serverName: string
  version: '-tls1_2' | '-tls1_3'
}

let sessions = 0

/** Connects anew and keeps the session, once the worker uses the directory's ticket keys. */
async function firstVisit(visit: Visit): Promise<string> {
  const file = join(dir.path, `session-${sessions++}`)
  const result = await connect(visit, ['-sess_out', file])
  expect(result).toMatchObject({ resumed: false, version: expect.stringMatching(/^TLSv1/) })
  return file
}

function connect(visit: Visit, args: readonly string[]): Promise<SClientResult> {
  const { to, serverName, version } = visit
  return sClient({ port: to.edge.https.port, serverName, args: [version, ...args] })
}

/** Whether the session in the file is taken up; what the worker says is the same. */
async function isResumed(visit: Visit, file: string): Promise<boolean> {
  const { resumed, text, version } = await connect(visit, ['-sess_in', file])
  expect(version).toBeDefined()
  expect(text).toContain(`"resumed":${resumed}`)
  expect(text.includes('"keyAlgorithm"')).toBe(!resumed)
  return resumed
}

/** A worker learns of new keys through the change log, so a session may be a few tries away. */
async function resumesSoon(from: Visit, to: Visit): Promise<boolean> {
  for (let tries = 0; tries < 20; tries++) {
    if (await isResumed(to, await firstVisit(from))) return true
  }
  return false
}

describe.each(['-tls1_3', '-tls1_2'] as const)('a session (%s)', (version) => {
  it('is taken up by the worker of another machine', async () => {
    const at = { serverName: 'a.test', version }
    expect(await resumesSoon({ to: one, ...at }, { to: two, ...at })).toBe(true)
    expect(await resumesSoon({ to: two, ...at }, { to: one, ...at })).toBe(true)
  })

  it('is not taken up for another hostname, which gets a full handshake', async () => {
    const file = await firstVisit({ to: one, serverName: 'a.test', version })
    expect(await isResumed({ to: one, serverName: 'b.test', version }, file)).toBe(false)
    expect(await isResumed({ to: two, serverName: 'b.test', version }, file)).toBe(false)
    expect(await isResumed({ to: one, serverName: 'a.test', version }, file)).toBe(true)
  })
})

describe('a session after the hostname went to another owner', () => {
  it('is not taken up', async () => {
    const at = { to: one, serverName: 'a.test', version: '-tls1_3' as const }
    const file = await firstVisit(at)
    const chains = sealedChains(certificates)
    await one.publisher.withdraw(aBinding('a.test').hostname, 'id-of-a.test')
    await one.publisher.publish(aBinding('a.test', { chains, hostnameId: 'another' }))
    let resumed = true
    for (let tries = 0; tries < 50 && resumed; tries++) {
      resumed = /"resumed":true/.test((await connect(at, ['-sess_in', file])).text)
    }
    expect(resumed).toBe(false)
  })
})

describe('new ticket keys', () => {
  it('end the sessions under the old ones, and new sessions go on', async () => {
    const at = { to: two, serverName: 'b.test', version: '-tls1_3' as const }
    const file = await firstVisit(at)
    await two.publisher.putTicketKeys([ticketKey(2), ticketKey(1)])
    let resumed = true
    for (let tries = 0; tries < 50 && resumed; tries++) {
      resumed = (await connect(at, ['-sess_in', file])).resumed
    }
    expect(resumed).toBe(false)
    expect(await resumesSoon(at, at)).toBe(true)
  })
})
