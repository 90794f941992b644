/** On the wire, the final zero included (RFC 1035 section 2.3.4). */
const MAX_NAME_BYTES = 255
const MAX_LABEL_BYTES = 63

/** A name as it stood in a question. */
export interface WireName {
  /** In lower case, one character a byte: a label may hold any byte, a dot too. */
  labels: readonly string[]
  /** Bytes that it took, the final zero included. */
  length: number
}

/**
 * Reads a name that is written out in full: in a question there is nothing before it that a
 * compression pointer could point to.
 *
 * @returns undefined where there is no such name at `offset`
 */
export function readName(message: Buffer, offset: number): WireName | undefined {
  const labels: string[] = []
  for (let at = offset; at - offset < MAX_NAME_BYTES;) {
    const size = message[at]
    if (size === undefined || size > MAX_LABEL_BYTES) return undefined
    at += 1
    if (size === 0) return { labels, length: at - offset }
    if (at + size > message.length) return undefined
    labels.push(lowerCase(message.toString('latin1', at, at + size)))
    at += size
  }
  return undefined
}

/** Where the name at `offset` ends; what a pointer points to is not looked at. */
export function skipName(message: Buffer, offset: number): number | undefined {
  for (let at = offset; at - offset < MAX_NAME_BYTES;) {
    const size = message[at]
    if (size === undefined) return undefined
    if (size >= 0xc0) return at + 2
    if (size > MAX_LABEL_BYTES) return undefined
    at += 1 + size
    if (size === 0) return at
  }
  return undefined
}

/** Labels without the zero at the end: what stands before a pointer. */
export function encodeLabels(labels: readonly string[]): Buffer {
  return Buffer.concat(
    labels.map((label) => Buffer.from([label.length, ...Buffer.from(label, 'latin1')])),
  )
}

/** Only ASCII has cases in DNS (RFC 4343); the other bytes stay what they are. */
function lowerCase(label: string): string {
  return label.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
}
