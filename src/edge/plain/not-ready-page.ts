import type { Hostname } from '#domain/hostname.ts'

import type { PlainAnswer } from './plain-answer.ts'

export interface NotReady {
  hostname: Hostname
  /** Sentences for the owner of the name. */
  missing: readonly string[]
  /** The Accept header of the request. */
  accept: string
}

const RETRY_SECONDS = 30

/**
 * For a name that points here but is not served yet: tells whoever set it up what is still missing,
 * instead of an error of TLS that says nothing. JSON for programs that ask for it, else a page.
 */
export function renderNotReady({ hostname, missing, accept }: NotReady): PlainAnswer {
  const json = /\bapplication\/json\b/i.test(accept) && !/\btext\/html\b/i.test(accept)
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
      'X-Robots-Tag',
      'noindex',
      'X-Custos-Error',
      'not_ready',
      ...(json ? [] : ['Content-Security-Policy', "default-src 'none'; style-src 'unsafe-inline'"]),
    ],
    body: json
      ? `${JSON.stringify({ error: 'not_ready', hostname, missing })}\n`
      : renderPage(hostname, missing),
  }
}

function renderPage(hostname: Hostname, missing: readonly string[]): string {
  const items = missing.map((sentence) => `<li>${escapeHtml(sentence)}</li>`).join('\n')
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="robots" content="noindex">
<title>${escapeHtml(hostname)} is not ready yet</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 36rem; margin: 15vh auto 0; padding: 0 1rem; color: #222 }
h1 { font-size: 1.4rem }
p { color: #555 }
@media (prefers-color-scheme: dark) { body { background: #181818; color: #eee } p { color: #aaa } }
</style>
<h1>${escapeHtml(hostname)} is not ready yet</h1>
<p>The name points here. Before it can be served:</p>
<ul>
${items}
</ul>
<p>This is checked again and again; nothing needs to be pressed.</p>
</html>
`
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '')
}
