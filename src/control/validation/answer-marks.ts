import type { IncomingHttpHeaders } from 'node:http'

/** Who an HTTP answer says it comes from. Anybody can say anything: good for a hint, never a proof. */
export interface AnswerMarks {
  /** One of our edges had it in hand. */
  isCustos: boolean
  /** A well-known provider through which the answer came, by its public name. */
  provider: string | undefined
}

export const NO_MARKS: AnswerMarks = { isCustos: false, provider: undefined }

interface ProviderMark {
  provider: string
  /** Fields that this provider alone adds. */
  fields: readonly string[]
  /** What its `server` field begins with. */
  server?: RegExp
}

/** From each provider's own documentation of the response fields that it adds. */
const PROVIDERS: readonly ProviderMark[] = [
  { provider: 'Cloudflare', fields: ['cf-ray'], server: /^cloudflare\b/i },
  { provider: 'Amazon CloudFront', fields: ['x-amz-cf-id'], server: /^cloudfront\b/i },
  { provider: 'Fastly', fields: ['x-fastly-request-id'] },
  { provider: 'Akamai', fields: ['x-akamai-request-id'], server: /^akamai/i },
  { provider: 'Azure Front Door', fields: ['x-azure-ref'] },
  { provider: 'Vercel', fields: ['x-vercel-id'], server: /^vercel\b/i },
  { provider: 'Netlify', fields: ['x-nf-request-id'], server: /^netlify\b/i },
  { provider: 'GitHub Pages', fields: ['x-github-request-id'], server: /^github\.com\b/i },
  { provider: 'Bunny', fields: ['cdn-pullzone'], server: /^bunnycdn\b/i },
  { provider: 'Sucuri', fields: ['x-sucuri-id'], server: /^sucuri\b/i },
  { provider: 'Imperva', fields: ['x-iinfo'] },
]

export function readAnswerMarks(headers: IncomingHttpHeaders): AnswerMarks {
  const server = String(headers['server'] ?? '')
  const mark = PROVIDERS.find(
    ({ fields, server: pattern }) =>
      fields.some((field) => headers[field] !== undefined) || pattern?.test(server),
  )
  return { isCustos: headers['x-custos-error'] !== undefined, provider: mark?.provider }
}
