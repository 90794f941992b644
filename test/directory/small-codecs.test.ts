import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { ByteWriter } from '#directory/bytes.ts'
import { DirectoryError } from '#directory/directory.ts'
import { decodeHeartbeat, encodeHeartbeat } from '#directory/heartbeat-codec.ts'
import { changeIdOf, streamIdOf } from '#directory/redis-layout.ts'
import { decodeTicketKeys, encodeTicketKeys } from '#directory/ticket-key-codec.ts'
import { hostname } from '#test/sample-binding.ts'

const time = fc.nat({ max: Number.MAX_SAFE_INTEGER })
const text = fc.string({ unit: 'grapheme-ascii', maxLength: 60 })

/** Whether `decode` makes something or the proper error of these bytes; throws for any other error. */
function isHandled(decode: () => unknown): boolean {
  try {
    decode()
    return true
  } catch (error) {
    if (error instanceof DirectoryError && error.kind === 'corrupt') return true
    throw error
  }
}

describe('ticket keys and heartbeats', () => {
  it('come back as they were encoded', () => {
    const key = fc.record({ createdAt: time, sealed: fc.uint8Array({ maxLength: 100 }) })
    fc.assert(
      fc.property(fc.array(key, { maxLength: 8 }), (keys) => {
        expect(decodeTicketKeys(encodeTicketKeys(keys))).toEqual(keys)
      }),
    )
    fc.assert(
      fc.property(fc.record({ edgeId: text, applied: text, at: time, version: text }), (beat) => {
        expect(decodeHeartbeat(beat.edgeId, encodeHeartbeat(beat))).toEqual(beat)
      }),
    )
  })

  it('carry sightings, which older heartbeats lack and newer ones may have more of', () => {
    const beat = { edgeId: 'e', applied: '1', at: 5, version: '1' }
    const old = new ByteWriter().shortText('1').uint53(5).shortText('1').finish()
    expect(decodeHeartbeat('e', old)).toStrictEqual(beat)
    expect(encodeHeartbeat(beat)).toEqual(old)

    const known = { sequence: 1, kind: 'first-handshake', name: hostname('a.test'), at: 4 } as const
    const sightings = [{ ...known, detail: 'ecdsa' }]
    const own = encodeHeartbeat({ ...beat, sightings })
    expect(decodeHeartbeat('e', own)).toStrictEqual({ ...beat, sightings })

    const newer = new ByteWriter().raw(old)
    newer.list([99, 1], (kind) => {
      newer.uint53(1).uint53(4).uint8(kind).shortText('a.test').shortText('').shortText('ecdsa')
    })
    expect(decodeHeartbeat('e', newer.uint8(7).finish())).toStrictEqual({ ...beat, sightings })
  })

  it('make a proper error of any other bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (noise) => {
        expect(isHandled(() => decodeTicketKeys(noise))).toBe(true)
        expect(isHandled(() => decodeTicketKeys(Uint8Array.of(1, ...noise)))).toBe(true)
        expect(isHandled(() => decodeHeartbeat('e', noise))).toBe(true)
        const head = encodeHeartbeat({ edgeId: 'e', applied: '', at: 1, version: '' })
        expect(isHandled(() => decodeHeartbeat('e', Uint8Array.of(...head, ...noise)))).toBe(true)
      }),
    )
    expect(() => decodeTicketKeys(Uint8Array.of(9))).toThrow('unknown version of ticket keys: 9')
  })
})

describe('change ids of a stream', () => {
  it('compare as strings in the order of the stream, and lead back to it', () => {
    const part = fc.nat({ max: 9_999_999_999 })
    fc.assert(
      fc.property(part, part, part, part, (ms1, count1, ms2, count2) => {
        const [a, b] = [changeIdOf(`${ms1}-${count1}`), changeIdOf(`${ms2}-${count2}`)]
        expect(a < b).toBe(ms1 < ms2 || (ms1 === ms2 && count1 < count2))
        expect(streamIdOf(a)).toBe(`${ms1}-${count1}`)
      }),
    )
  })

  it('are not made of anything else', () => {
    for (const id of ['', '1', '1-', '-1', '1-1 ', 'a-b', '1-1-1', '1234567890123456-1']) {
      expect(() => changeIdOf(id)).toThrow('not a stream id')
    }
    expect(streamIdOf('1790000000000000')).toBeUndefined()
  })
})
