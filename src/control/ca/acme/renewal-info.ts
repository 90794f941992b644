import { X509Certificate } from 'node:crypto'

import { z } from 'zod'

import type { Chain } from '#domain/certificate.ts'
import type { RenewalInfo } from '#domain/issuance.ts'

import { IssuerError, type RenewalAnswer } from '../issuer.ts'
import type { AcmeClient } from './acme-client.ts'
import { readObject } from './acme-objects.ts'
import { readRetryAfter } from './acme-problem.ts'
import { renderCertificateId } from './certificate-id.ts'

const instant = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text))
const renewalInfoSchema = z.object({
  suggestedWindow: z.object({ start: instant, end: instant }),
  /** Shown to people, so nothing but a plain address of a page. */
  explanationURL: z
    .url({ protocol: /^https$/ })
    .max(500)
    .optional()
    .catch(undefined),
})

const MINUTE_MS = 60_000
/** Where the CA does not say when to ask again: what RFC 9773 section 4.3.3 tells clients to do. */
const CHECK_MS = 6 * 3_600_000

/**
 * When the CA wants the certificate renewed (RFC 9773). Undefined where it has no such service, and
 * where it knows nothing of this certificate.
 *
 * @throws {IssuerError} `unavailable` also for a window that cannot be meant (section 4.2)
 */
export async function fetchRenewalInfo(
  { client, chain, now }: { client: AcmeClient; chain: Chain; now: number },
  signal: AbortSignal,
): Promise<RenewalAnswer | undefined> {
  const { renewalInfo } = await client.getDirectory(signal)
  const id = renderCertificateId(chain.leaf)
  if (renewalInfo === undefined || id === undefined) return undefined
  const url = `${renewalInfo.replace(/\/$/, '')}/${id}`
  const response = await client.get({ url, about: 'certificate' }, signal).catch(withoutRefusal)
  if (!response) return undefined
  const what = 'renewal information'
  const found = readObject(response, { schema: renewalInfoSchema, what })
  const { suggestedWindow: window, explanationURL: explanationUrl } = found
  checkWindow(window, new X509Certificate(chain.leaf))
  const retryAfterMs = Math.max(MINUTE_MS, readRetryAfter(response, now) ?? CHECK_MS)
  return { window, retryAfterMs, ...(explanationUrl !== undefined && { explanationUrl }) }
}

function withoutRefusal(error: unknown): undefined {
  if (error instanceof IssuerError && error.kind === 'rejected') return undefined
  throw error
}

/**
 * Within the certificate's life. A window before it would have each new certificate renewed at once,
 * without end; one after it would leave the name without a certificate.
 */
function checkWindow({ start, end }: RenewalInfo['window'], leaf: X509Certificate): void {
  const notBefore = leaf.validFromDate.getTime()
  const notAfter = leaf.validToDate.getTime()
  if (start < end && end > notBefore && end <= notAfter) return
  const window = `${new Date(start).toISOString()} to ${new Date(end).toISOString()}`
  const message = `The CA gave a window for renewal that cannot be meant: ${window}.`
  throw new IssuerError('unavailable', message)
}
