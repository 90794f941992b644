/**
 * Reads a ClientHello (RFC 8446 section 4.1.2, RFC 5246 section 7.4.1.2) without consuming it, so that
 * the name can be looked up before any TLS state exists. OpenSSL judges the hello again afterwards;
 * here only what is read must be sound, within a fixed number of bytes.
 */

/** Wire bytes, record headers included, within which a ClientHello must end. */
export const MAX_CLIENT_HELLO_BYTES = 16_384

export type ClientHelloResult =
  | ClientHello
  /** Nothing can be said before the peer has sent `atLeast` bytes in all. */
  | { state: 'partial'; atLeast: number }
  | { state: 'malformed'; reason: MalformedReason }
  /** An HTTP request in clear. */
  | { state: 'plain-http' }

export interface ClientHello {
  state: 'complete'
  /** As sent, not normalised; undefined where the client sent none. */
  serverName: string | undefined
  /** Protocol names in the client's order; empty where it sent none. */
  alpn: readonly string[]
  /** Code points such as 0x0304; of an old client the one of its legacy version. */
  supportedVersions: readonly number[]
  /** Code points of `signature_algorithms`; empty where the client sent none. */
  signatureAlgorithms: readonly number[]
}

export type MalformedReason =
  | 'not-tls'
  | 'sslv2'
  | 'record'
  | 'too-long'
  | 'not-a-client-hello'
  | 'syntax'
  | 'duplicate-extension'
  | 'server-name'

/** ecdsa_secp256r1_sha256 (RFC 8446 section 4.2.3). */
export const ECDSA_P256_SHA256 = 0x0403

const RECORD_HEADER = 5
const HANDSHAKE_HEADER = 4
const HANDSHAKE = 0x16
const CLIENT_HELLO = 1
const MAX_RECORD = 2 ** 14

const EXTENSION = {
  serverName: 0,
  signatureAlgorithms: 13,
  alpn: 16,
  supportedVersions: 43,
} as const

/** Methods are upper-case letters; TLS records begin with a byte below 0x20, so these never collide. */
const HTTP_REQUEST = /^[A-Z]{3,16} /
const HTTP_PREFIX = /^[A-Z]{1,16}$/

/**
 * Collects what the peer sends until it is a whole ClientHello or can never become one. However small
 * the segments are, bytes are joined and read only when there are enough to get further.
 */
export class ClientHelloReader {
  readonly #chunks: Buffer[] = []
  #length = 0
  #atLeast = 0

  /** Everything pushed so far. */
  bytes(): Buffer {
    const [first] = this.#chunks
    if (first && this.#chunks.length === 1) return first
    const joined = Buffer.concat(this.#chunks, this.#length)
    this.#chunks.splice(0, this.#chunks.length, joined)
    return joined
  }

  push(chunk: Buffer): ClientHelloResult {
    this.#chunks.push(chunk)
    this.#length += chunk.length
    if (this.#length < this.#atLeast) return { state: 'partial', atLeast: this.#atLeast }
    const result = parseClientHello(this.bytes())
    if (result.state === 'partial') this.#atLeast = result.atLeast
    return result
  }
}

/** Never throws, whatever the bytes. */
export function parseClientHello(bytes: Uint8Array): ClientHelloResult {
  const first = bytes[0]
  if (first === undefined) return { state: 'partial', atLeast: 1 }
  if (first !== HANDSHAKE) return parseForeign(bytes, first)
  const message = collectMessage(bytes)
  return message instanceof Uint8Array ? parseMessage(message) : message
}

/** What begins with another byte than a handshake record. */
function parseForeign(bytes: Uint8Array, first: number): ClientHelloResult {
  if (first >= 0x41 && first <= 0x5a) {
    const start = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 17))
    const text = start.toString('latin1')
    if (HTTP_REQUEST.test(text)) return { state: 'plain-http' }
    if (HTTP_PREFIX.test(text)) return { state: 'partial', atLeast: bytes.length + 1 }
    return malformed('not-tls')
  }
  if ((first & 0x80) === 0) return malformed('not-tls')
  if (bytes.length < 3) return { state: 'partial', atLeast: 3 }
  return malformed(bytes[2] === CLIENT_HELLO ? 'sslv2' : 'not-tls')
}

/** Joins the fragments of the first handshake message; one record, the usual case, is not copied. */
function collectMessage(bytes: Uint8Array): Uint8Array | ClientHelloResult {
  const fragments: Uint8Array[] = []
  let collected = 0
  for (let at = 0; ;) {
    if (bytes.length < at + RECORD_HEADER) return partial(at + RECORD_HEADER)
    const length = ((bytes[at + 3] ?? 0) << 8) | (bytes[at + 4] ?? 0)
    if (bytes[at] !== HANDSHAKE || bytes[at + 1] !== 3 || length === 0 || length > MAX_RECORD) {
      return malformed('record')
    }
    const start = at + RECORD_HEADER
    const fragment = bytes.subarray(start, start + length)
    fragments.push(fragment)
    collected += fragment.length
    const problem = checkMessageHead(fragments, collected)
    if (problem) return problem
    const whole = messageLength(fragments, collected)
    if (whole !== undefined && collected >= whole) return joined(fragments, whole)
    at = start + length
    const missing = whole === undefined ? 1 : whole - collected
    if (fragment.length < length) return partial(Math.min(at, bytes.length + missing))
    if (at + RECORD_HEADER >= MAX_CLIENT_HELLO_BYTES) return malformed('too-long')
  }
}

/** Refuses as early as its first bytes tell what can never be a ClientHello within the limit. */
function checkMessageHead(
  fragments: Uint8Array[],
  collected: number,
): ClientHelloResult | undefined {
  if (collected > 0 && fragments[0]?.[0] !== CLIENT_HELLO) return malformed('not-a-client-hello')
  const whole = messageLength(fragments, collected)
  if (whole !== undefined && whole + RECORD_HEADER > MAX_CLIENT_HELLO_BYTES) {
    return malformed('too-long')
  }
  return undefined
}

/** Length of the handshake message with its header; undefined while the header is not complete. */
function messageLength(fragments: Uint8Array[], collected: number): number | undefined {
  if (collected < HANDSHAKE_HEADER) return undefined
  const head = joined(fragments, HANDSHAKE_HEADER)
  return HANDSHAKE_HEADER + (((head[1] ?? 0) << 16) | ((head[2] ?? 0) << 8) | (head[3] ?? 0))
}

function joined(fragments: Uint8Array[], length: number): Uint8Array {
  const [first] = fragments
  if (first && first.length >= length) return first.subarray(0, length)
  return Buffer.concat(fragments, length)
}

function partial(atLeast: number): ClientHelloResult {
  if (atLeast > MAX_CLIENT_HELLO_BYTES) return malformed('too-long')
  return { state: 'partial', atLeast }
}

function malformed(reason: MalformedReason): ClientHelloResult {
  return { state: 'malformed', reason }
}

function parseMessage(message: Uint8Array): ClientHelloResult {
  const bytes = Buffer.from(message.buffer, message.byteOffset, message.length)
  const body = new Cursor(bytes, HANDSHAKE_HEADER, bytes.length)
  const legacyVersion = body.u16()
  body.skip(32)
  body.vector(1, { min: 0, max: 32 })
  const ciphers = body.vector(2, { min: 2, max: 0xfffe })
  body.vector(1, { min: 1, max: 0xff })
  if (body.failed || ciphers.left % 2 !== 0 || legacyVersion < 0x0300) return malformed('syntax')
  const hello: Mutable<ClientHello> = {
    state: 'complete',
    serverName: undefined,
    alpn: [],
    supportedVersions: [legacyVersion],
    signatureAlgorithms: [],
  }
  if (body.left === 0) return hello
  const extensions = body.vector(2, { min: 0, max: 0xffff })
  if (body.failed || body.left !== 0) return malformed('syntax')
  const problem = readExtensions(extensions, hello)
  return problem === undefined ? hello : malformed(problem)
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

function readExtensions(
  extensions: Cursor,
  hello: Mutable<ClientHello>,
): MalformedReason | undefined {
  const seen = new Set<number>()
  while (extensions.left > 0) {
    const type = extensions.u16()
    const data = extensions.vector(2, { min: 0, max: 0xffff })
    if (extensions.failed) return 'syntax'
    if (seen.has(type)) return 'duplicate-extension'
    seen.add(type)
    const problem = readExtension(type, data, hello)
    if (problem !== undefined) return problem
  }
  return undefined
}

function readExtension(
  type: number,
  data: Cursor,
  hello: Mutable<ClientHello>,
): MalformedReason | undefined {
  switch (type) {
    case EXTENSION.serverName:
      hello.serverName = readServerName(data)
      return hello.serverName === undefined ? 'server-name' : undefined
    case EXTENSION.alpn:
      hello.alpn = readAlpn(data)
      return data.failed ? 'syntax' : undefined
    case EXTENSION.supportedVersions:
      hello.supportedVersions = readCodes(data, 1)
      return data.failed ? 'syntax' : undefined
    case EXTENSION.signatureAlgorithms:
      hello.signatureAlgorithms = readCodes(data, 2)
      return data.failed ? 'syntax' : undefined
    default:
      return undefined
  }
}

/** Exactly one name, of type host_name (RFC 6066 section 3: at most one of a type, and no other type exists). */
function readServerName(data: Cursor): string | undefined {
  const list = data.vector(2, { min: 1, max: 0xffff })
  const type = list.u8()
  const name = list.vector(2, { min: 1, max: 0xff })
  const sound = !data.failed && data.left === 0 && !list.failed && list.left === 0 && type === 0
  return sound ? name.text() : undefined
}

/** RFC 7301 section 3.1. */
function readAlpn(data: Cursor): string[] {
  const list = data.vector(2, { min: 2, max: 0xffff })
  if (data.left !== 0) data.failed = true
  const names: string[] = []
  while (!data.failed && list.left > 0) {
    names.push(list.vector(1, { min: 1, max: 0xff }).text())
    if (list.failed) data.failed = true
  }
  return names
}

/** A vector of 16-bit codes that fills the extension. */
function readCodes(data: Cursor, lengthBytes: 1 | 2): number[] {
  const list = data.vector(lengthBytes, { min: 2, max: 0xfffe })
  if (data.left !== 0 || list.left % 2 !== 0) data.failed = true
  const codes: number[] = []
  while (!data.failed && list.left > 0) codes.push(list.u16())
  return codes
}

/** Reads forward inside a range; once it would leave it, `failed` is set and every value is 0 or empty. */
class Cursor {
  failed = false
  readonly #bytes: Buffer
  #at: number
  readonly #end: number

  constructor(bytes: Buffer, at: number, end: number) {
    this.#bytes = bytes
    this.#at = at
    this.#end = end
  }

  get left(): number {
    return this.failed ? 0 : this.#end - this.#at
  }

  u8(): number {
    return this.#take(1) ? (this.#bytes[this.#at - 1] ?? 0) : 0
  }

  u16(): number {
    if (!this.#take(2)) return 0
    return ((this.#bytes[this.#at - 2] ?? 0) << 8) | (this.#bytes[this.#at - 1] ?? 0)
  }

  skip(length: number): void {
    this.#take(length)
  }

  vector(lengthBytes: 1 | 2, { min, max }: { min: number; max: number }): Cursor {
    const length = lengthBytes === 1 ? this.u8() : this.u16()
    if (length < min || length > max) this.failed = true
    const start = this.#at
    return this.#take(length) ? new Cursor(this.#bytes, start, start + length) : FAILED
  }

  text(): string {
    return this.failed ? '' : this.#bytes.toString('latin1', this.#at, this.#end)
  }

  #take(length: number): boolean {
    if (this.failed || this.#at + length > this.#end) {
      this.failed = true
      return false
    }
    this.#at += length
    return true
  }
}

const FAILED = new Cursor(Buffer.alloc(0), 0, 0)
FAILED.failed = true
