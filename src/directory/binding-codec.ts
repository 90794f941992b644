import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'

import type { Binding, BindingChain, BindingOrigin } from '#domain/binding.ts'
import { KEY_ALGORITHMS } from '#domain/certificate.ts'
import { normaliseServerName, type Hostname } from '#domain/hostname.ts'
import type { EffectiveTlsSettings, TlsVersion } from '#domain/tls-settings.ts'

import { ByteReader, ByteWriter, corrupt } from './bytes.ts'
import { DirectoryError } from './directory.ts'

/**
 * A binding as bytes: `version(1) | serial(8) | hostname id | … | CRC-32(4)`, big-endian. The head up
 * to the hostname's id stays where it is in every version: directories compare it without decoding.
 *
 * Intermediates are not inside: thousands of bindings share a handful of them, so each is referred to
 * by its SHA-256 and stored once. What comes back is checked against that hash.
 */
export interface EncodedBinding {
  bytes: Uint8Array
  /** DER by SHA-256 (hexadecimal, lower case): what must be stored beside the bytes. */
  intermediates: ReadonlyMap<string, Uint8Array>
}

/** Finds intermediates by their SHA-256; those it does not know are absent from the answer. */
export type ResolveIntermediates = (
  ids: readonly string[],
) => Promise<ReadonlyMap<string, Uint8Array>>

export const BINDING_VERSION = 1
/** A pack of two chains takes 3 KiB; the rest is room for large keys and long certificates. */
export const MAX_BINDING_BYTES = 64 * 1024
export const MAX_INTERMEDIATE_BYTES = 16 * 1024

const CRC_BYTES = 4
const SHA256_BYTES = 32
const TLS_VERSIONS = ['1.0', '1.1', '1.2', '1.3'] as const satisfies readonly TlsVersion[]
const SCHEMES = ['https', 'http'] as const satisfies readonly BindingOrigin['scheme'][]
const SWITCHES = ['wildcard', 'alwaysUseHttps', 'tls13', 'http2', 'earlyHints', 'origin'] as const

/** @throws {DirectoryError} `corrupt` where a value is too long for its field, or all together */
export function encodeBinding(binding: Binding): EncodedBinding {
  const intermediates = new Map<string, Uint8Array>()
  const writer = new ByteWriter()
    .uint8(BINDING_VERSION)
    .uint53(binding.serial)
    .shortText(binding.hostnameId)
    .shortText(binding.hostname)
    .shortText(binding.zoneId)
    .uint8(packSwitches(binding))
    .uint8(TLS_VERSIONS.indexOf(binding.tls.minVersion))
  writer.list(binding.tls.ciphers, (cipher) => writer.shortText(cipher))
  writer.list(binding.missing, (sentence) => writer.text(sentence))
  writer.list(binding.chains, (chain) => writeChain(writer, chain, intermediates))
  if (binding.origin) writeOrigin(writer, binding.origin)
  const body = writer.finish()
  if (body.length + CRC_BYTES > MAX_BINDING_BYTES) {
    throw new DirectoryError(
      'corrupt',
      `Cannot encode the binding of ${binding.hostname}: at most ${MAX_BINDING_BYTES} bytes: has ${body.length + CRC_BYTES}`,
    )
  }
  const bytes = new ByteWriter().raw(body).uint32(crc32(body)).finish()
  return { bytes, intermediates }
}

/** @throws {DirectoryError} `corrupt`: damaged, cut, too long, of an unknown version, lacking an intermediate */
export async function decodeBinding(
  bytes: Uint8Array,
  resolve: ResolveIntermediates,
): Promise<Binding> {
  const { chains, ...rest } = readBinding(checkedBody(bytes))
  const ids = new Set(chains.flatMap((chain) => chain.intermediates))
  const known = await resolve([...ids])
  const withIntermediates = chains.map((chain) => ({
    ...chain,
    intermediates: chain.intermediates.map((id) => checkedIntermediate(id, known.get(id))),
  }))
  return { ...rest, chains: withIntermediates }
}

/** Whose binding it is, read from the head alone; undefined where that is not readable. */
export function hostnameIdOf(bytes: Uint8Array): string | undefined {
  const at = 1 + 8
  const length = bytes[at]
  if (length === undefined || bytes.length < at + 1 + length) return undefined
  return Buffer.from(bytes.subarray(at + 1, at + 1 + length)).toString('latin1')
}

/** How many bytes from the start surely hold what `hostnameIdOf` needs. */
export const BINDING_HEAD_BYTES = 1 + 8 + 1 + 255

export function intermediateId(der: Uint8Array): string {
  return createHash('sha256').update(der).digest('hex')
}

/** A chain whose intermediates are known by their SHA-256 only. */
type ChainReference = Omit<BindingChain, 'intermediates'> & { intermediates: string[] }

function checkedBody(bytes: Uint8Array): Uint8Array {
  if (bytes.length > MAX_BINDING_BYTES) {
    throw corrupt(`a binding has at most ${MAX_BINDING_BYTES} bytes: has ${bytes.length}`)
  }
  if (bytes[0] !== BINDING_VERSION) throw corrupt(`unknown version of binding: ${bytes[0]}`)
  const body = bytes.subarray(0, Math.max(0, bytes.length - CRC_BYTES))
  const sum = new ByteReader(bytes.subarray(body.length)).uint32()
  if (sum !== crc32(body)) throw corrupt('binding fails its checksum')
  return body
}

function checkedIntermediate(id: string, der: Uint8Array | undefined): Uint8Array {
  if (!der) throw corrupt(`intermediate ${id} is missing`)
  return der
}

function readBinding(body: Uint8Array): Omit<Binding, 'chains'> & { chains: ChainReference[] } {
  const reader = new ByteReader(body.subarray(1))
  const serial = reader.uint53()
  const hostnameId = reader.shortText()
  const hostname = readHostname(reader)
  const zoneId = reader.shortText()
  const switches = unpackSwitches(reader.uint8())
  const { wildcard, alwaysUseHttps, tls13, http2, earlyHints } = switches
  const minVersion = pick(TLS_VERSIONS, reader.uint8())
  const ciphers = reader.list(() => reader.shortText())
  const missing = reader.list(() => reader.text())
  const chains = reader.list(() => readChain(reader))
  if (new Set(chains.map((chain) => chain.keyAlgorithm)).size < chains.length) {
    throw corrupt('two chains of one key algorithm')
  }
  const origin = switches.origin ? readOrigin(reader) : undefined
  reader.end()
  const tls: EffectiveTlsSettings = { minVersion, tls13, http2, earlyHints, ciphers }
  return {
    hostname,
    hostnameId,
    zoneId,
    serial,
    wildcard,
    missing,
    tls,
    chains,
    origin,
    alwaysUseHttps,
  }
}

function readHostname(reader: ByteReader): Hostname {
  const text = reader.shortText()
  const hostname = normaliseServerName(text)
  if (hostname !== text) throw corrupt(`not a hostname: ${JSON.stringify(text.slice(0, 80))}`)
  return hostname
}

function writeChain(
  writer: ByteWriter,
  chain: BindingChain,
  intermediates: Map<string, Uint8Array>,
): void {
  writer
    .shortText(chain.certificateId)
    .uint8(KEY_ALGORITHMS.indexOf(chain.keyAlgorithm))
    .uint53(chain.notAfter)
    .bytes(chain.leaf)
    .bytes(chain.sealedKey)
  writer.list(chain.intermediates, (der) => {
    const id = intermediateId(der)
    intermediates.set(id, checkedSize(der))
    writer.raw(Buffer.from(id, 'hex'))
  })
}

function checkedSize(der: Uint8Array): Uint8Array {
  if (der.length <= MAX_INTERMEDIATE_BYTES) return der
  throw new DirectoryError(
    'corrupt',
    `Cannot encode: an intermediate has at most ${MAX_INTERMEDIATE_BYTES} bytes: has ${der.length}`,
  )
}

function readChain(reader: ByteReader): ChainReference {
  return {
    certificateId: reader.shortText(),
    keyAlgorithm: pick(KEY_ALGORITHMS, reader.uint8()),
    notAfter: reader.uint53(),
    leaf: reader.bytes(),
    sealedKey: reader.bytes(),
    intermediates: reader.list(() => Buffer.from(reader.raw(SHA256_BYTES)).toString('hex')),
  }
}

function writeOrigin(writer: ByteWriter, origin: BindingOrigin): void {
  writer
    .uint8(SCHEMES.indexOf(origin.scheme))
    .shortText(origin.host)
    .uint16(origin.port)
    .shortText(origin.serverName ?? '')
}

function readOrigin(reader: ByteReader): BindingOrigin {
  const scheme = pick(SCHEMES, reader.uint8())
  const host = reader.shortText()
  const port = reader.uint16()
  const serverName = reader.shortText()
  return { scheme, host, port, serverName: serverName === '' ? undefined : serverName }
}

/** One bit each, in the order of `SWITCHES`. */
function packSwitches({ wildcard, alwaysUseHttps, tls, origin }: Binding): number {
  const on: Record<(typeof SWITCHES)[number], boolean> = {
    wildcard,
    alwaysUseHttps,
    tls13: tls.tls13,
    http2: tls.http2,
    earlyHints: tls.earlyHints,
    origin: origin !== undefined,
  }
  return SWITCHES.reduce((bits, name, at) => bits | (on[name] ? 1 << at : 0), 0)
}

function unpackSwitches(bits: number): Record<(typeof SWITCHES)[number], boolean> {
  if (bits >= 1 << SWITCHES.length) throw corrupt(`unknown switches: ${bits}`)
  const isOn = (name: (typeof SWITCHES)[number]): boolean =>
    (bits & (1 << SWITCHES.indexOf(name))) !== 0
  return {
    wildcard: isOn('wildcard'),
    alwaysUseHttps: isOn('alwaysUseHttps'),
    tls13: isOn('tls13'),
    http2: isOn('http2'),
    earlyHints: isOn('earlyHints'),
    origin: isOn('origin'),
  }
}

function pick<Value>(values: readonly Value[], at: number): Value {
  const value = values[at]
  if (value === undefined) throw corrupt(`no value number ${at} of ${values.join(', ')}`)
  return value
}
