import { describe, expect, it } from 'vitest'

import { TLS_ALPN_PATH, type WellKnownAnswer } from '#domain/binding.ts'
import { Challenges } from '#edge/tls/challenges.ts'
import { systemRandom as random } from '#lib/random.ts'
import { fakeClock } from '#test/fake-clock.ts'
import { memoryDirectory } from '#test/memory-directory.ts'
import { hostname } from '#test/sample-binding.ts'

/** Certificates made for challenges: kept for who asks again, and never many. */
function anAnswer(name: string, body = 'token.thumbprint'): WellKnownAnswer {
  return { hostname: hostname(name), path: TLS_ALPN_PATH, body, expiresAt: 1 }
}

function start(certificates: number) {
  const clock = fakeClock()
  const bindings = { findHot: () => undefined }
  const directory = memoryDirectory()
  const limits = { certificates, certificateMs: 1_000 }
  return { clock, challenges: new Challenges({ directory, bindings, clock, random, limits }) }
}

describe('the certificates of challenges', () => {
  it('are made once for a name and an answer, and again when they are old', async () => {
    const { clock, challenges } = start(2)
    const first = challenges.contextOf(anAnswer('a.test'))
    expect(challenges.contextOf(anAnswer('a.test'))).toBe(first)
    expect(challenges.contextOf(anAnswer('b.test'))).not.toBe(first)
    expect(challenges.contextOf(anAnswer('a.test'))).toBe(first)
    await clock.advance(1_000)
    expect(challenges.contextOf(anAnswer('a.test'))).not.toBe(first)
  })

  it('are made anew for another answer to the same name', () => {
    const { challenges } = start(2)
    const first = challenges.contextOf(anAnswer('a.test', 'one.t'))
    const second = challenges.contextOf(anAnswer('a.test', 'two.t'))
    expect(second).not.toBe(first)
    expect(challenges.contextOf(anAnswer('a.test', 'two.t'))).toBe(second)
  })

  it('make room for others, and give their memory back then', () => {
    const { challenges } = start(1)
    const first = challenges.contextOf(anAnswer('a.test'))
    challenges.contextOf(anAnswer('b.test'))
    expect(first.context).toBeNull()
    expect(challenges.contextOf(anAnswer('a.test')).context).not.toBeNull()
  })
})
