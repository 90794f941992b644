/**
 * Codes of the specification (section 1.9) that this server never gives, and why. `csr-` stands before
 * those of custom CSRs, whose numbers mean something else.
 */
export const ERRORS_NEVER_GIVEN = {
  1001: 'tokens are no JWTs',
  1002: 'tokens are no JWTs',
  1003: 'tokens are no JWTs',
  1004: 'tokens are no JWTs',
  1005: 'tokens are no JWTs',
  1402: 'a path without a zone leads nowhere: 7003',
  1412: 'wildcard hostnames may have custom metadata',
  1413: 'custom metadata is there for everybody',
  1414: 'custom origin servers are there for everybody',
  1421: 'there are no DNS records of the zone here: an origin is any host that the edges reach',
  1456: 'there is no plan that lacks custom hostnames',
  1459: 'everybody may choose the CA',
  6003: 'a wrong header is named by 1000 or 1403',
  6111: 'a wrong header is named by 1000 or 1403',
  'csr-1403': 'there is no quota of custom CSRs',
  'csr-1404': 'custom CSRs are there for everybody',
} as const satisfies Record<string, string>
