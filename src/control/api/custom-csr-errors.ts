import { NO_RETRY, type ApiErrorEntry } from './api-error-entry.ts'

/** Errors of custom CSRs. Their codes mean something else than those of hostnames (spec section 1.9). */
export const CUSTOM_CSR_ERRORS = {
  'csr-country': {
    status: 400,
    code: 1405,
    message: 'The country is required: :reason. Check your input and try again.',
  },
  'csr-state': {
    status: 400,
    code: 1406,
    message: 'The state is required: :reason. Check your input and try again.',
  },
  'csr-locality': {
    status: 400,
    code: 1407,
    message: 'The locality is required: :reason. Check your input and try again.',
  },
  'csr-organization': {
    status: 400,
    code: 1408,
    message: 'The organization is required: :reason. Check your input and try again.',
  },
  'csr-common-name': {
    status: 400,
    code: 1409,
    message: 'The common name is required: :reason. Check your input and try again.',
  },
  'csr-common-name-long': {
    status: 400,
    code: 1410,
    message:
      'The common name must have at most 64 characters: :reason. Check your input and try again.',
  },
  'csr-sans-missing': {
    status: 400,
    code: 1411,
    message:
      'At least one subject alternative name is required: :reason. Check your input and try again.',
  },
  'csr-san-invalid': {
    status: 400,
    code: 1412,
    message: 'Invalid subject alternative name: :reason. Check your input and try again.',
  },
  'csr-san-non-ascii': {
    status: 400,
    code: 1413,
    message:
      'Subject alternative names with non-ASCII characters are not supported: :reason. Check your input and try again.',
  },
  'csr-san-reserved-tld': {
    status: 400,
    code: 1414,
    message:
      "Reserved top domain. Subject alternative names cannot end with 'test', 'example', 'invalid' or 'localhost': :reason. Check your input and try again.",
  },
  'csr-san-public-suffix': {
    status: 400,
    code: 1415,
    message: 'Unable to parse subject alternative name - :reason. Check your input and try again.',
  },
  'csr-san-example-domain': {
    status: 400,
    code: 1416,
    message:
      'Subject alternative names ending in example.com, example.net or example.org are prohibited: :reason. Check your input and try again.',
  },
  'csr-key-type': {
    status: 400,
    code: 1417,
    message: 'The key type must be rsa2048 or p256v1: :reason. Check your input and try again.',
  },
  'csr-id-invalid': {
    status: 400,
    code: 1418,
    message: 'The custom CSR ID is invalid: :reason. Check your input and try again.',
  },
  'csr-not-found': { status: 404, code: 1419, message: 'The custom CSR was not found.' },
  'csr-in-use': {
    status: 409,
    code: 1420,
    message: 'The custom CSR is associated with an active certificate pack.',
    headers: NO_RETRY,
  },
} as const satisfies Record<string, ApiErrorEntry>
