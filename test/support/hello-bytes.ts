/** ClientHellos made by hand, for what no client library would send. */
export interface HelloOptions {
  /** @default `app.customer.test`; null: no extension */
  serverName?: string | null
  alpn?: readonly string[]
  /** @default TLS 1.3 and 1.2 */
  supportedVersions?: readonly number[]
  /** @default ecdsa_secp256r1_sha256, rsa_pss_rsae_sha256 */
  signatureAlgorithms?: readonly number[]
  /** Appended after the others. */
  extensions?: readonly Buffer[]
  /** @default 0x0303 */
  legacyVersion?: number
  /** No extensions at all, as before TLS 1.2. */
  bare?: boolean
}

/** The handshake message, without records. */
export function helloMessage(options: HelloOptions = {}): Buffer {
  const { legacyVersion = 0x0303, bare = false } = options
  const fixed = Buffer.concat([u16(legacyVersion), Buffer.alloc(32, 0xab)])
  const session = vector(1, Buffer.alloc(32, 0xcd))
  const ciphers = vector(2, Buffer.from('1301130213030a0a', 'hex'))
  const parts = [fixed, session, ciphers, vector(1, Buffer.of(0))]
  if (!bare) parts.push(vector(2, Buffer.concat(extensionsOf(options))))
  const body = Buffer.concat(parts)
  return Buffer.concat([Buffer.of(1, 0), u16(body.length), body])
}

/** A whole ClientHello in one record. */
export function helloBytes(options: HelloOptions = {}): Buffer {
  return inRecords(helloMessage(options))
}

/** Spreads a message over records with at most `fragment` bytes each. */
export function inRecords(message: Buffer, fragment = 16_384): Buffer {
  const records: Buffer[] = []
  for (let at = 0; at < message.length; at += fragment) {
    const part = message.subarray(at, at + fragment)
    records.push(Buffer.of(0x16, 3, 1), vector(2, part))
  }
  return Buffer.concat(records)
}

export function extension(type: number, data: Buffer): Buffer {
  return Buffer.concat([u16(type), vector(2, data)])
}

export function serverNameExtension(...names: { type?: number; name: string }[]): Buffer {
  const entries = names.map(({ type = 0, name }) =>
    Buffer.concat([Buffer.of(type), vector(2, Buffer.from(name, 'latin1'))]),
  )
  return extension(0, vector(2, Buffer.concat(entries)))
}

export function vector(lengthBytes: 1 | 2, data: Buffer): Buffer {
  return Buffer.concat([lengthBytes === 1 ? Buffer.of(data.length) : u16(data.length), data])
}

function extensionsOf(options: HelloOptions): Buffer[] {
  const {
    serverName = 'app.customer.test',
    alpn = [],
    supportedVersions = [0x0304, 0x0303],
    signatureAlgorithms = [0x0403, 0x0804],
    extensions = [],
  } = options
  const grease = extension(0x2a2a, Buffer.of())
  const protocols = Buffer.concat(alpn.map((name) => vector(1, Buffer.from(name))))
  return [
    grease,
    ...(serverName === null ? [] : [serverNameExtension({ name: serverName })]),
    ...(alpn.length === 0 ? [] : [extension(16, vector(2, protocols))]),
    extension(13, vector(2, Buffer.concat(signatureAlgorithms.map(u16)))),
    extension(43, vector(1, Buffer.concat(supportedVersions.map(u16)))),
    ...extensions,
  ]
}

function u16(value: number): Buffer {
  return Buffer.of(value >> 8, value & 0xff)
}
