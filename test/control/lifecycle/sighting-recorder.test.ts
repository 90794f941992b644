import { describe, expect, it } from 'vitest'

import { createSightingRecorder } from '#control/lifecycle/sighting-recorder.ts'
import type { Heartbeat } from '#directory/directory.ts'
import type { Sighting } from '#directory/sighting.ts'
import type { TimelineEvent } from '#domain/timeline.ts'
import type { TimelineStore } from '#store/timeline.ts'
import { aHostname, NOON } from '#test/records.ts'

const { id: hostnameId, hostname: name } = aHostname()

function beat(...sightings: Omit<Sighting, 'name' | 'at'>[]): Heartbeat {
  const seen = sightings.map((sighting) => ({ name, at: NOON, ...sighting }))
  return { edgeId: 'edge', applied: '1', at: NOON, version: 'test', sightings: seen }
}

describe('what edges saw', () => {
  it('is written into the hostname’s timeline, each once', async () => {
    const written: TimelineEvent[] = []
    const timeline: TimelineStore = {
      append: async (events) => void written.push(...events),
      list: async () => ({ items: [], total: 0 }),
    }
    const record = createSightingRecorder({ timeline })
    const fetched = {
      sequence: 1,
      kind: 'challenge-fetched',
      hostnameId,
      detail: 'http-01',
    } as const
    const shaken = { sequence: 2, kind: 'first-handshake', hostnameId, detail: 'ecdsa' } as const
    await record([beat(fetched)])
    await record([beat(fetched, shaken)])
    await record([beat({ sequence: 3, kind: 'challenge-fetched', detail: 'of nobody' })])
    expect(written).toMatchObject([
      { kind: 'challenge.fetched', hostnameId, by: 'system', details: { detail: 'http-01' } },
      { kind: 'handshake.first', hostnameId, by: 'system', details: { detail: 'ecdsa' } },
    ])
  })
})
