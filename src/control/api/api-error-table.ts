import { NO_RETRY, type ApiErrorEntry } from './api-error-entry.ts'
import { CUSTOM_CERTIFICATE_ERRORS } from './custom-certificate-errors.ts'
import { CUSTOM_CSR_ERRORS } from './custom-csr-errors.ts'

export type { ApiErrorEntry }

/**
 * Every error that the API gives: HTTP status, code and message (spec section 1.9; 1403 goes with the
 * 401 that HTTP has for it). Those that it never gives: errors-never-given.ts. Codes from 10400
 * on are our own, for what the specification has no code for: 10000 + the HTTP status, or 11000 + it
 * where that is taken.
 */
export const API_ERRORS = {
  ...CUSTOM_CERTIFICATE_ERRORS,
  ...CUSTOM_CSR_ERRORS,
  'body-invalid': {
    status: 400,
    code: 1400,
    message: 'Unable to decode the JSON request body: :reason. Check your input and try again.',
  },
  'metadata-invalid': {
    status: 400,
    code: 1401,
    message:
      'Unable to encode the Custom Metadata as JSON: :reason. Check your input and try again.',
  },
  'token-missing': {
    status: 401,
    code: 1403,
    message: 'The request has no Authorization header. Check your input and try again.',
    headers: { 'www-authenticate': 'Bearer' },
  },
  'token-malformed': {
    status: 401,
    code: 1000,
    message: 'Unable to extract bearer token: :reason.',
    headers: { 'www-authenticate': 'Bearer error="invalid_request"' },
  },
  'token-unknown': { status: 403, code: 9109, message: 'Invalid access token' },
  'key-unknown': { status: 403, code: 10000, message: 'Authentication error' },
  'quota-none': {
    status: 403,
    code: 1404,
    message: 'No quota has been allocated for this zone.',
  },
  'quota-exceeded': {
    status: 403,
    code: 1405,
    message: 'Quota exceeded: :reason.',
  },
  'hostname-duplicate': {
    status: 409,
    code: 1406,
    message: 'Duplicate custom hostname found.',
    headers: NO_RETRY,
  },
  'hostname-invalid': {
    status: 400,
    code: 1407,
    message:
      'Invalid custom hostname. Custom hostnames must be smaller than 256 characters in length, cannot be IP addresses and cannot contain special characters: :reason. Check your input and try again.',
  },
  'hostname-non-ascii': {
    status: 400,
    code: 1408,
    message:
      'Custom hostnames with non-ASCII characters are not supported: :reason. Check your input and try again.',
  },
  'hostname-reserved-tld': {
    status: 400,
    code: 1409,
    message:
      "Reserved top domain. Custom hostnames cannot end with 'test', 'example', 'invalid' or 'localhost': :reason. Check your input and try again.",
  },
  'hostname-public-suffix': {
    status: 400,
    code: 1410,
    message: 'Unable to parse custom hostname - :reason. Check your input and try again.',
  },
  'hostname-example-domain': {
    status: 400,
    code: 1411,
    message:
      'Custom hostnames ending in example.com, example.net or example.org are prohibited: :reason. Check your input and try again.',
  },
  'origin-invalid': {
    status: 400,
    code: 1415,
    message: 'Invalid custom origin hostname: :reason. Check your input and try again.',
  },
  'origin-non-ascii': {
    status: 400,
    code: 1416,
    message:
      'Custom origin hostnames with non-ASCII characters are not supported: :reason. Check your input and try again.',
  },
  'origin-reserved-tld': {
    status: 400,
    code: 1417,
    message:
      "Reserved top domain. Custom origin hostnames cannot end with 'test', 'example', 'invalid' or 'localhost': :reason. Check your input and try again.",
  },
  'origin-public-suffix': {
    status: 400,
    code: 1418,
    message: 'Unable to parse custom origin hostname - :reason. Check your input and try again.',
  },
  'origin-example-domain': {
    status: 400,
    code: 1419,
    message:
      'Custom origin hostnames ending in example.com, example.net or example.org are prohibited: :reason. Check your input and try again.',
  },
  'origin-wildcard': {
    status: 400,
    code: 1420,
    message:
      'Wildcard custom origin hostnames are not supported: :reason. Check your input and try again.',
  },
  'http2-invalid': {
    status: 400,
    code: 1422,
    message: 'The `http2` setting is invalid: :reason. Check your input and try again.',
  },
  'tls-1-2-only-invalid': {
    status: 400,
    code: 1423,
    message: 'The `tls_1_2_only` setting is invalid: :reason. Check your input and try again.',
  },
  'tls-1-3-invalid': {
    status: 400,
    code: 1424,
    message: 'The `tls_1_3` setting is invalid: :reason. Check your input and try again.',
  },
  'min-tls-version-invalid': {
    status: 400,
    code: 1425,
    message: 'The `min_tls_version` setting is invalid: :reason. Check your input and try again.',
  },
  'method-unsupported': {
    status: 400,
    code: 1432,
    message: 'The validation method is not supported: :reason. Check your input and try again.',
  },
  'type-unsupported': {
    status: 400,
    code: 1433,
    message:
      "The validation type is not supported. Only 'dv' is supported: :reason. Check your input and try again.",
  },
  'ssl-invalid': {
    status: 400,
    code: 1434,
    message: 'The SSL attribute is invalid: :reason. Check your input and try again.',
  },
  'hostname-id-invalid': {
    status: 400,
    code: 1435,
    message: 'The custom hostname ID is invalid: :reason. Check your input and try again.',
  },
  'hostname-not-found': {
    status: 404,
    code: 1436,
    message: 'The custom hostname was not found.',
  },
  'hostname-filter-invalid': {
    status: 400,
    code: 1437,
    message: 'Invalid hostname query parameter: :reason. Check your input and try again.',
  },
  'id-filter-not-alone': {
    status: 400,
    code: 1438,
    message:
      'Cannot specify other filter parameters in addition to `id`: :reason. Check your input and try again.',
  },
  'hostname-not-modifiable': {
    status: 409,
    code: 1439,
    message: 'Modifying the custom hostname is not supported: :reason.',
    headers: NO_RETRY,
  },
  'method-and-type-required': {
    status: 400,
    code: 1440,
    message:
      'Both validation type and validation method are required, or custom_certificate with its key. Check your input and try again.',
  },
  'ciphers-invalid': {
    status: 400,
    code: 1442,
    message: 'The `ciphers` setting is invalid: :reason. Check your input and try again.',
  },
  'ciphers-with-tls-1-3': {
    status: 400,
    code: 1443,
    message:
      'Cipher selection is not supported with a minimum TLS version of 1.3. Check your input and try again.',
  },
  'wildcard-unsupported': {
    status: 400,
    code: 1448,
    message:
      'Wildcards are not supported for certificates that are validated over HTTP - :reason. Check your input and try again.',
  },
  'bundle-method-invalid': {
    status: 400,
    code: 1449,
    message:
      'The bundle method must be one of ubiquitous, optimal or force: :reason. Check your input and try again.',
  },
  'branding-required': {
    status: 400,
    code: 1469,
    message:
      'Since no host is 64 characters or fewer, Cloudflare Branding is required. Please check your input and try again.',
  },
  internal: { status: 500, code: 1500, message: 'Internal Server Error' },
  'method-not-allowed': {
    status: 405,
    code: 7001,
    message: 'Method :reason.',
  },
  'route-not-found': {
    status: 404,
    code: 7003,
    message: 'Could not route to :reason, perhaps your object identifier is invalid?',
  },
  'zone-name-invalid': {
    status: 400,
    code: 1049,
    message: 'Invalid zone name: :reason. Check your input and try again.',
  },
  'zone-duplicate': {
    status: 409,
    code: 1061,
    message: 'A zone with this name already exists: :reason.',
    headers: NO_RETRY,
  },
  'query-invalid': {
    status: 400,
    code: 10400,
    message: 'Invalid query parameter: :reason. Check your input and try again.',
  },
  'hostname-is-zone': {
    status: 403,
    code: 10403,
    message: 'A custom hostname must not be equal to the name of its zone: :reason.',
  },
  'fallback-origin-not-found': {
    status: 404,
    code: 10404,
    message: 'No fallback origin is set for this zone.',
  },
  'zone-not-empty': {
    status: 409,
    code: 10409,
    message: 'The zone still has custom hostnames. Delete them first.',
    headers: NO_RETRY,
  },
  'held-domain-invalid': {
    status: 400,
    code: 11400,
    message: 'Invalid held domain: :reason. Check your input and try again.',
  },
  'held-domain-not-found': {
    status: 404,
    code: 11404,
    message: 'The domain is not held.',
  },
  'body-too-large': {
    status: 413,
    code: 10413,
    message: 'The request body is too large: :reason.',
    headers: NO_RETRY,
  },
  'media-type-unsupported': {
    status: 415,
    code: 10415,
    message: 'The request body must be JSON with Content-Type: application/json.',
  },
  'rate-limited': {
    status: 429,
    code: 10429,
    message: 'Too many requests: :reason.',
  },
  'headers-too-large': {
    status: 431,
    code: 10431,
    message: 'The request line and headers are too large.',
  },
  unavailable: {
    status: 503,
    code: 10503,
    message: 'The service is temporarily unavailable. Try again.',
    headers: { 'retry-after': '1' },
  },
} as const satisfies Record<string, ApiErrorEntry>

export type ApiErrorKind = keyof typeof API_ERRORS
