import { isWithin } from '#domain/hostname.ts'

/**
 * Name constraints of a CA certificate (RFC 5280 section 4.2.1.10), as far as DNS names go:
 *
 *     NameConstraints ::= SEQUENCE { permitted [0] GeneralSubtrees OPTIONAL, excluded [1] … OPTIONAL }
 *     GeneralSubtree  ::= SEQUENCE { base GeneralName, … }     dNSName is [2] IA5String
 */
export interface NameConstraints {
  /** Undefined: any DNS name. */
  permitted: readonly string[] | undefined
  excluded: readonly string[]
}

const SEQUENCE = 0x30
const PERMITTED = 0xa0
const EXCLUDED = 0xa1
const DNS_NAME = 0x82

/** @throws {RangeError} not DER, or of another shape */
export function parseNameConstraints(der: Uint8Array): NameConstraints {
  const [top] = readAll(der)
  if (top?.tag !== SEQUENCE) throw new RangeError('name constraints are not a sequence')
  const parts = readAll(top.content)
  const permitted = namesIn(parts.find(({ tag }) => tag === PERMITTED))
  const excluded = namesIn(parts.find(({ tag }) => tag === EXCLUDED))
  return { permitted: permitted.length > 0 ? permitted : undefined, excluded }
}

export function permitsNames(
  { permitted, excluded }: NameConstraints,
  names: readonly string[],
): boolean {
  return names.every(
    (name) =>
      (permitted?.some((base) => isConstrained(name, base)) ?? true) &&
      !excluded.some((base) => isConstrained(name, base)),
  )
}

/** The base itself and all below it; with a leading dot, as some CAs write it, only what is below. */
function isConstrained(name: string, base: string): boolean {
  return base.startsWith('.') ? name.endsWith(base) : isWithin(name, base)
}

interface Element {
  tag: number
  content: Uint8Array
}

function namesIn(subtrees: Element | undefined): string[] {
  return readAll(subtrees?.content ?? new Uint8Array()).flatMap(({ content }) => {
    const [base] = readAll(content)
    if (base?.tag !== DNS_NAME) return []
    return [Buffer.from(base.content).toString('latin1').toLowerCase()]
  })
}

/** Elements in a row, with lengths of up to two bytes: a certificate has no longer ones. */
function readAll(bytes: Uint8Array): Element[] {
  const elements: Element[] = []
  for (let at = 0; at < bytes.length;) {
    const [tag = 0, first = 0, second = 0, third = 0] = bytes.subarray(at, at + 4)
    const [size, length] = lengthOf([first, second, third])
    const start = at + 1 + size
    at = start + length
    if (at > bytes.length) throw new RangeError('name constraints are cut short')
    elements.push({ tag, content: bytes.subarray(start, at) })
  }
  return elements
}

/** Bytes that the length takes, and the length (X.690 section 8.1.3). */
function lengthOf([first, second, third]: [number, number, number]): [number, number] {
  if (first < 0x80) return [1, first]
  if (first === 0x81) return [2, second]
  if (first === 0x82) return [3, second * 256 + third]
  throw new RangeError('name constraints have a length that no certificate has')
}
