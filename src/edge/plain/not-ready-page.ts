import type { Hostname } from '#domain/hostname.ts'

import { escapeHtml, PAGE_SECURITY_POLICY, prefersJson, renderPage } from '../page.ts'
import type { PlainAnswer } from './plain-answer.ts'

export interface NotReady {
  hostname: Hostname
  /** Sentences for the owner of the name. */
  missing: readonly string[]
  /** The Accept header of the request. */
  accept: string
  requestId: string
}

const RETRY_SECONDS = 30

/**
 * For a name that points here but is not served yet: tells whoever set it up what is still missing,
 * instead of an error of TLS that says nothing. JSON for programs that ask for it, else a page.
 */
export function renderNotReady(notReady: NotReady): PlainAnswer {
  const json = prefersJson(notReady.accept)
  const type = json ? 'application/json' : 'text/html'
  return {
    status: 503,
    reason: 'Service Unavailable',
    headers: [
      'Content-Type',
      `${type}; charset=utf-8`,
      'Cache-Control',
      'no-store',
      'Retry-After',
      String(RETRY_SECONDS),
      'Vary',
      'Accept',
      'X-Content-Type-Options',
      'nosniff',
      'X-Robots-Tag',
      'noindex',
      'X-Custos-Error',
      'not_ready',
      ...(json ? [] : ['Content-Security-Policy', PAGE_SECURITY_POLICY]),
    ],
    body: json ? renderJson(notReady) : renderMissing(notReady),
  }
}

/** The shape of all errors of the edge, and what is missing. */
function renderJson({ hostname, missing, requestId }: NotReady): string {
  const error = {
    error: 'not_ready',
    status: 503,
    title: 'Not ready yet',
    message: 'This host is being set up.',
    request_id: requestId,
    hostname,
    missing,
  }
  return `${JSON.stringify(error)}\n`
}

function renderMissing({ hostname, missing, requestId }: NotReady): string {
  const items = missing.map((sentence) => `<li>${escapeHtml(sentence)}</li>`).join('\n')
  return renderPage({
    title: `${hostname} is not ready yet`,
    content: `<p>The name points here. Before it can be served:</p>
<ul>
${items}
</ul>
<p>This is checked again and again; nothing needs to be pressed.</p>`,
    requestId,
  })
}
