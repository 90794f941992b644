import { beforeEach, describe, expect, it } from 'vitest'

import type { ConnectionTls } from '#edge/connection.ts'
import { Sightings, type ChallengeFetch } from '#edge/sightings.ts'
import { fakeClock, type FakeClock } from '#test/fake-clock.ts'
import { hostname } from '#test/sample-binding.ts'
import { aBinding } from '#test/test-binding.ts'

/**
 * What an edge tells of what it saw. Attack: clients that make it see things, by the million, and
 * write a part of them. Rule: a bounded list of bounded lines, and a count of what had to go.
 */
const NAME = 'app.customer.test'
let clock: FakeClock
let dropped: { value: number }
let sightings: Sightings

beforeEach(() => {
  clock = fakeClock()
  dropped = { value: 0 }
  sightings = new Sightings({ clock, dropped })
})

function aFetch(change: Partial<ChallengeFetch> = {}): ChallengeFetch {
  return {
    type: 'http-01',
    answer: { hostname: hostname(NAME), body: 'token.thumbprint' },
    hostnameId: 'id-of-app',
    by: '192.0.2.1',
    ...change,
  }
}

function shakeHands(certificateId: string, change: Partial<ConnectionTls> = {}): void {
  const tls: ConnectionTls = {
    serverName: hostname(NAME),
    binding: aBinding(NAME),
    version: 'TLSv1.3',
    cipher: 'TLS_AES_128_GCM_SHA256',
    resumed: false,
    keyAlgorithm: 'ecdsa',
    alpn: 'h2',
    ...change,
  }
  const until = clock.now() + 3_600_000
  sightings.noteHandshake(tls, [
    { certificateId: `${certificateId}-rsa`, keyAlgorithm: 'rsa', until },
    { certificateId, keyAlgorithm: 'ecdsa', until },
  ])
}

const details = (): string[] => (sightings.recent() ?? []).map(({ detail }) => detail)

describe('a challenge that was fetched', () => {
  it('is told with who fetched it', () => {
    sightings.noteChallenge(aFetch({ userAgent: 'Test CA/1.0 (+https://ca.test)' }))
    expect(sightings.recent()).toEqual([
      {
        sequence: 1,
        kind: 'challenge-fetched',
        name: NAME,
        hostnameId: 'id-of-app',
        at: clock.now(),
        detail: 'http-01 by 192.0.2.1, Test CA/1.0 (+https://ca.test)',
      },
    ])
  })

  it('is told without what is not known', () => {
    sightings.noteChallenge(aFetch({ type: 'tls-alpn-01', hostnameId: undefined }))
    const [seen] = sightings.recent() ?? []
    expect(seen).not.toHaveProperty('hostnameId')
    expect(seen?.detail).toBe('tls-alpn-01 by 192.0.2.1')
  })

  it('is told once a client, and for four clients only', () => {
    for (let times = 0; times < 3; times++) {
      for (let client = 1; client <= 9; client++) {
        sightings.noteChallenge(aFetch({ by: `192.0.2.${client}` }))
      }
    }
    expect(details()).toEqual([1, 2, 3, 4].map((client) => `http-01 by 192.0.2.${client}`))
    expect(dropped.value).toBe(0)
  })

  it('of the next order is another', () => {
    sightings.noteChallenge(aFetch())
    const answer = { hostname: hostname(NAME), body: 'token-2.thumbprint' }
    sightings.noteChallenge(aFetch({ answer }))
    expect(sightings.recent()).toHaveLength(2)
  })

  it('is told in printable ASCII of bounded length, whatever the client says it is', () => {
    const userAgent = `\u0000\u001b[31m\r\nevil: \u00e9\u202e"${'x'.repeat(10_000)}`
    sightings.noteChallenge(aFetch({ userAgent }))
    expect(details()[0]).toMatch(/^http-01 by 192\.0\.2\.1, \?\[31m\?evil: \?"x+$/)
    expect(details()[0]?.length).toBeLessThanOrEqual(200)
  })
})

describe('the first handshake with a chain', () => {
  it('is told once, with what was agreed', () => {
    shakeHands('c1')
    shakeHands('c1')
    expect(sightings.recent()).toMatchObject([
      {
        sequence: 1,
        kind: 'first-handshake',
        name: NAME,
        hostnameId: `id-of-${NAME}`,
        detail: 'ecdsa, TLSv1.3',
      },
    ])
  })

  it('is another one for the other chain, and for the renewed one', () => {
    shakeHands('c1')
    shakeHands('c1', { keyAlgorithm: 'rsa', version: 'TLSv1.2' })
    shakeHands('c2')
    expect(details()).toEqual(['ecdsa, TLSv1.3', 'rsa, TLSv1.2', 'ecdsa, TLSv1.3'])
  })

  it('is not told of a session that was resumed', () => {
    shakeHands('c1', { resumed: true, keyAlgorithm: undefined })
    expect(sightings.recent()).toBeUndefined()
  })

  it('is not told any more when the chain is not new', async () => {
    const tls = { serverName: hostname(NAME), binding: aBinding(NAME), version: 'TLSv1.3' }
    const rest = { cipher: '', resumed: false, keyAlgorithm: 'ecdsa', alpn: 'h2' } as const
    const until = clock.now() + 1_000
    await clock.advance(1_000)
    sightings.noteHandshake({ ...tls, ...rest }, [
      { certificateId: 'c1', keyAlgorithm: 'ecdsa', until },
    ])
    expect(sightings.recent()).toBeUndefined()
  })
})

describe('sightings', () => {
  it('are carried for a minute', async () => {
    shakeHands('c1')
    await clock.advance(30_000)
    shakeHands('c2')
    expect(sightings.recent()).toHaveLength(2)
    await clock.advance(30_000)
    expect(sightings.recent()).toMatchObject([{ sequence: 2 }])
    await clock.advance(30_000)
    expect(sightings.recent()).toBeUndefined()
  })

  it('of before the clock was set back do not stay until it has caught up', () => {
    shakeHands('c1')
    const skewed = new Sightings({ clock: { now: () => clock.now() - skew }, dropped })
    let skew = 0
    skewed.noteChallenge(aFetch())
    expect(skewed.recent()).toHaveLength(1)
    skew = 3_600_000
    expect(skewed.recent()).toBeUndefined()
  })

  it('are the newest 64 in a flood, and the others are counted', () => {
    for (let at = 1; at <= 10_000; at++) shakeHands(`c${at}`)
    const kept = sightings.recent() ?? []
    expect(kept.map(({ sequence }) => sequence)).toEqual(
      Array.from({ length: 64 }, (_, at) => 10_000 - 63 + at),
    )
    expect(dropped.value).toBe(10_000 - 64)
  })
})
