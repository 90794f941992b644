/** Where text has the form of PEM (RFC 7468); what its base64 holds was not looked at. */
export interface PemBlock {
  /** Such as `CERTIFICATE`. */
  label: string
  base64: string
  /** From the first dash to the last. */
  text: string
}

const BLOCK = /-----BEGIN ([A-Z0-9 ]{1,40})-----([^-]*)-----END \1-----/g
const LINE = /.{1,64}/g

/** In order; text between the blocks is passed over. */
export function findPemBlocks(pem: string): PemBlock[] {
  return [...pem.matchAll(BLOCK)].map(([text, label = '', base64 = '']) => ({
    label,
    base64,
    text,
  }))
}

/** RFC 7468, with a line end after the last line. */
export function renderPem(der: Uint8Array, label = 'CERTIFICATE'): string {
  const base64 = Buffer.from(der.buffer, der.byteOffset, der.byteLength).toString('base64')
  const lines = base64.match(LINE) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}
