/** The API's names of CAs (spec section 1.3), apart from those that are retired. */
export const CERTIFICATE_AUTHORITY_NAMES = ['google', 'lets_encrypt', 'ssl_com'] as const
export type CertificateAuthorityName = (typeof CERTIFICATE_AUTHORITY_NAMES)[number]

/** How orders and certificates name the built-in CA. */
export const LOCAL_CA = 'local'
