import type { ApiErrorEntry } from './api-error-entry.ts'

/** Errors of certificates that callers upload (spec section 1.9). */
export const CUSTOM_CERTIFICATE_ERRORS = {
  'certificate-unreadable': {
    status: 400,
    code: 1426,
    message: 'The uploaded certificate cannot be parsed: :reason. Check your input and try again.',
  },
  'certificate-empty': {
    status: 400,
    code: 1427,
    message: 'The uploaded certificate is empty: :reason. Check your input and try again.',
  },
  'key-unusable': {
    status: 400,
    code: 1428,
    message: 'The private key cannot be used: :reason. Check your input and try again.',
  },
  'key-mismatch': {
    status: 400,
    code: 1429,
    message:
      'The private key does not match the certificate: :reason. Check your input and try again.',
  },
  'certificate-csr-invalid': {
    status: 400,
    code: 1430,
    message: 'The custom CSR ID is invalid: :reason. Check your input and try again.',
  },
  'certificate-csr-not-found': {
    status: 404,
    code: 1431,
    message: 'The custom CSR was not found: :reason.',
  },
  'certificate-untrusted': {
    status: 400,
    code: 1441,
    message:
      'The certificate has trouble bundling against the public trust store: :reason. Check your input and try again.',
  },
  'certificate-several-leaves': {
    status: 400,
    code: 1444,
    message:
      'The certificate chain has multiple leaf certificates: :reason. Check your input and try again.',
  },
  'certificate-no-leaf': {
    status: 400,
    code: 1445,
    message:
      'The certificate chain has no leaf certificates: :reason. Check your input and try again.',
  },
  'certificate-not-covering': {
    status: 400,
    code: 1446,
    message:
      'The uploaded certificate does not include the custom hostname: :reason. Check your input and try again.',
  },
  'certificate-signature': {
    status: 400,
    code: 1447,
    message:
      'The signature algorithm is not supported. Only SHA-256, SHA-384 and SHA-512 with ECDSA or RSA are: :reason. Check your input and try again.',
  },
} as const satisfies Record<string, ApiErrorEntry>
