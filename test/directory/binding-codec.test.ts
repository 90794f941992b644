import { crc32 } from 'node:zlib'

import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import {
  decodeBinding,
  encodeBinding,
  hostnameIdOf,
  intermediateId,
  MAX_BINDING_BYTES,
  type EncodedBinding,
} from '#directory/binding-codec.ts'
import { DirectoryError } from '#directory/directory.ts'
import type { Binding, BindingChain, BindingOrigin } from '#domain/binding.ts'
import { hostname, sampleBinding, sampleChain } from '#test/sample-binding.ts'

const printable = (maxLength: number): fc.Arbitrary<string> =>
  fc.string({ unit: 'grapheme-ascii', maxLength })
const bytes = (maxLength: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ maxLength })
const time = fc.nat({ max: Number.MAX_SAFE_INTEGER })

const chain = (keyAlgorithm: 'ecdsa' | 'rsa'): fc.Arbitrary<BindingChain> =>
  fc.record({
    certificateId: printable(36),
    keyAlgorithm: fc.constant(keyAlgorithm),
    leaf: bytes(2_000),
    intermediates: fc.array(bytes(2_000), { maxLength: 3 }),
    sealedKey: bytes(2_000),
    notAfter: time,
  })

const origin: fc.Arbitrary<BindingOrigin> = fc.record({
  scheme: fc.constantFrom('https', 'http'),
  host: fc.domain(),
  port: fc.integer({ min: 1, max: 65_535 }),
  serverName: fc.option(fc.domain(), { nil: undefined }),
})

const binding: fc.Arbitrary<Binding> = fc.record({
  hostname: fc.constantFrom('a.test', 'xn--bcher-kva.example', '_dmarc.b-c.test').map(hostname),
  hostnameId: printable(36),
  zoneId: printable(32),
  serial: time,
  wildcard: fc.boolean(),
  missing: fc.array(fc.string({ unit: 'grapheme', maxLength: 200 }), { maxLength: 5 }),
  tls: fc.record({
    minVersion: fc.constantFrom('1.0', '1.1', '1.2', '1.3'),
    tls13: fc.boolean(),
    http2: fc.boolean(),
    earlyHints: fc.boolean(),
    ciphers: fc.array(printable(40), { maxLength: 20 }),
  }),
  chains: fc
    .tuple(
      fc.option(chain('ecdsa'), { nil: undefined }),
      fc.option(chain('rsa'), { nil: undefined }),
    )
    .map((chains) => chains.filter((one) => one !== undefined)),
  origin: fc.option(origin, { nil: undefined }),
  alwaysUseHttps: fc.boolean(),
})

const decode = (encoded: Uint8Array, known: EncodedBinding): Promise<Binding> =>
  decodeBinding(encoded, async () => known.intermediates)

const isCorrupt = (error: unknown): boolean =>
  error instanceof DirectoryError && error.kind === 'corrupt'

/** What `decodeBinding` makes of damaged bytes: a binding, or the proper error; anything else fails. */
async function outcome(encoded: Uint8Array, known: EncodedBinding): Promise<'binding' | 'corrupt'> {
  try {
    await decode(encoded, known)
    return 'binding'
  } catch (error) {
    if (isCorrupt(error)) return 'corrupt'
    throw error
  }
}

/** With a checksum that is right again, so that the parser behind it is reached. */
function resealed(encoded: Uint8Array): Uint8Array {
  const body = encoded.subarray(0, -4)
  const sum = Buffer.alloc(4)
  sum.writeUInt32BE(crc32(body))
  return Uint8Array.from(Buffer.concat([body, sum]))
}

describe('the binding codec', () => {
  it('gives back whatever was encoded', async () => {
    await fc.assert(
      fc.asyncProperty(binding, async (given) => {
        const encoded = encodeBinding(given)
        expect(await decode(encoded.bytes, encoded)).toEqual(given)
        expect(hostnameIdOf(encoded.bytes)).toBe(given.hostnameId)
      }),
    )
  })

  it('leaves intermediates out, each named once by its hash', () => {
    const shared = new Uint8Array(1_500).fill(9)
    const chains = [
      sampleChain('ecdsa', { intermediates: [shared] }),
      sampleChain('rsa', { intermediates: [shared, shared] }),
    ]
    const { bytes, intermediates } = encodeBinding(sampleBinding('a.test', { chains }))
    expect([...intermediates]).toEqual([[intermediateId(shared), shared]])
    expect(bytes.length).toBeLessThan(2_700)
  })

  it('refuses every truncation', async () => {
    const encoded = encodeBinding(sampleBinding('a.test'))
    for (let length = 0; length < encoded.bytes.length; length++) {
      expect(await outcome(encoded.bytes.subarray(0, length), encoded)).toBe('corrupt')
    }
  })

  it('refuses every flipped byte', async () => {
    await fc.assert(
      fc.asyncProperty(binding, fc.nat(), fc.integer({ min: 1, max: 255 }), async (b, at, mask) => {
        const encoded = encodeBinding(b)
        const damaged = Uint8Array.from(encoded.bytes)
        const index = at % damaged.length
        damaged[index] = (damaged[index] ?? 0) ^ mask
        expect(await outcome(damaged, encoded)).toBe('corrupt')
      }),
    )
  })

  it('makes a binding or a proper error of damage that the checksum does not catch', async () => {
    const encoded = encodeBinding(sampleBinding('a.test', { missing: ['ä', 'b'] }))
    for (let at = 0; at < encoded.bytes.length - 4; at++) {
      for (const value of [0, 1, 0x7f, 0x80, 0xff]) {
        const damaged = Uint8Array.from(encoded.bytes)
        damaged[at] = value
        await outcome(resealed(damaged), encoded)
      }
    }
    for (let length = 1; length < encoded.bytes.length - 4; length++) {
      const cut = resealed(encoded.bytes.subarray(0, length + 4))
      expect(await outcome(cut, encoded)).toBe('corrupt')
    }
  })

  it('makes a proper error of any bytes at all', async () => {
    const none = { bytes: new Uint8Array(), intermediates: new Map() }
    await fc.assert(
      fc.asyncProperty(bytes(3_000), async (noise) => {
        expect(await outcome(noise, none)).toBe('corrupt')
        await outcome(resealed(Uint8Array.from([1, ...noise, 0, 0, 0, 0])), none)
      }),
    )
  })

  it('refuses another version, two chains of one kind, and leftovers, saying so', async () => {
    const encoded = encodeBinding(sampleBinding('a.test'))
    const newer = resealed(Uint8Array.from([2, ...encoded.bytes.subarray(1)]))
    await expect(decode(newer, encoded)).rejects.toThrow('unknown version of binding: 2')
    const twice = encodeBinding(
      sampleBinding('a.test', { chains: [sampleChain('rsa'), sampleChain('rsa')] }),
    )
    await expect(decode(twice.bytes, twice)).rejects.toThrow('two chains of one key algorithm')
    const longer = resealed(Uint8Array.from([...encoded.bytes, 0]))
    await expect(decode(longer, encoded)).rejects.toThrow('1 bytes too many')
  })

  it('refuses what is over its limits, both ways', async () => {
    const big = sampleChain('rsa', {
      leaf: new Uint8Array(40_000),
      sealedKey: new Uint8Array(40_000),
    })
    expect(() => encodeBinding(sampleBinding('a.test', { chains: [big] }))).toThrow(
      `binding of a.test: at most ${MAX_BINDING_BYTES} bytes: has`,
    )
    const over = (change: Partial<BindingChain>): (() => unknown) => {
      return () => encodeBinding(sampleBinding('a.test', { chains: [sampleChain('rsa', change)] }))
    }
    expect(over({ intermediates: [new Uint8Array(16_385)] })).toThrow('at most 16384 bytes')
    expect(over({ leaf: new Uint8Array(65_536) })).toThrow('from 0 to 65535: received 65536')
    expect(over({ certificateId: 'x'.repeat(256) })).toThrow('from 0 to 255: received 256')
    expect(over({ notAfter: 1.5 })).toThrow('received 1.5')
    const none = { bytes: new Uint8Array(), intermediates: new Map() }
    const huge = new Uint8Array(MAX_BINDING_BYTES + 1).fill(1)
    await expect(decode(huge, none)).rejects.toThrow(`at most ${MAX_BINDING_BYTES} bytes`)
  })

  it('refuses a binding whose intermediate is missing', async () => {
    const { bytes } = encodeBinding(sampleBinding('a.test'))
    const none = { bytes, intermediates: new Map() }
    await expect(decode(bytes, none)).rejects.toThrow(/intermediate [0-9a-f]{64} is missing/)
  })
})
