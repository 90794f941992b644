import { createHash, X509Certificate } from 'node:crypto'

/** A distinguished name, as `X509Certificate.subject` writes it, in the form that an index takes. */
export function subjectHash(subject: string): string {
  return createHash('sha256').update(subject).digest('hex')
}

/** Null where the certificate cannot be read: it is kept, and found by its fingerprint alone. */
export function subjectHashOf(der: Uint8Array): string | null {
  try {
    return subjectHash(new X509Certificate(der).subject)
  } catch {
    return null
  }
}
