/** Numbers of the DNS protocol that are spoken here, by their names in the IANA registries. */

export const HEADER_BYTES = 12

/** In the second 16 bits of a header (RFC 1035 section 4.1.1). */
export const FLAG = {
  response: 0x8000,
  opcode: 0x7800,
  authoritative: 0x0400,
  truncated: 0x0200,
  recursionDesired: 0x0100,
} as const

export const TYPE = {
  A: 1,
  NS: 2,
  SOA: 6,
  HINFO: 13,
  TXT: 16,
  AAAA: 28,
  OPT: 41,
  DS: 43,
  ANY: 255,
  CAA: 257,
} as const

export const CLASS_IN = 1

/** Beyond 15 the upper bits stand in the OPT record (RFC 6891 section 6.1.3). */
export const RCODE = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  BADVERS: 16,
} as const

export type Rcode = keyof typeof RCODE

/**
 * Types that are no data: 0, OPT, and the range of meta types and QTYPEs (RFC 6895 section 3.1), zone
 * transfers among them. `ANY` is the one of these that has an answer.
 */
export function isMetaType(type: number): boolean {
  if (type === TYPE.ANY) return false
  return type === 0 || type === TYPE.OPT || (type >= 128 && type <= 255)
}
