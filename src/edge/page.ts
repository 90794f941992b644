/** What all of the edge's own pages look like: no script, nothing to fetch, light or dark as the reader likes. */
export interface Page {
  /** Plain text. */
  title: string
  /** HTML below the heading; what comes from outside is escaped by the caller. */
  content: string
  /** Shown below, for whoever is asked for help. */
  requestId: string | undefined
}

/** Goes with each page: nothing in it may load or run. */
export const PAGE_SECURITY_POLICY = "default-src 'none'; style-src 'unsafe-inline'"

const STYLE = `
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 36rem; margin: 15vh auto 0; padding: 0 1rem }
h1 { font-size: 1.4rem; overflow-wrap: anywhere }
small { opacity: .7; overflow-wrap: anywhere }
`

export function renderPage({ title, content, requestId }: Page): string {
  const heading = escapeHtml(title)
  const id =
    requestId === undefined ? '' : `\n<p><small>Request ${escapeHtml(requestId)}</small></p>`
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="robots" content="noindex">
<title>${heading}</title>
<style>${STYLE}</style>
<h1>${heading}</h1>
${content}${id}
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

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '')
}

/** JSON where it is named and a page is not: programs name it, browsers name the page. */
export function prefersJson(accept: string | undefined): boolean {
  if (accept === undefined) return false
  return /\bjson\b/i.test(accept) && !/\btext\/html\b/i.test(accept)
}
