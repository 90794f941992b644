import type { ApiHostname, ApiZone } from './api-schema.ts'
import { missingSteps } from './missing-steps.ts'
import { renderTable, type TableOptions } from './table.ts'
import { colourOfStatus, plain } from './terminal.ts'

/** A custom hostname for people: how it is, its certificates, what is still missing. */
export function renderHostname(
  hostname: ApiHostname,
  { zone, ...table }: TableOptions & { zone: ApiZone },
): string {
  return [
    `${table.paint('bold', plain(hostname.hostname))}\n${facts(hostname, table)}`,
    certificates(hostname, table),
    list('Still missing', missingSteps(hostname, zone), table),
    list('Proves that the name may be served (any one will do)', proofs(hostname, zone), table),
    list('Shown to the CA', validations(hostname), table),
    list('Or once and for ever, instead of TXT records', delegations(hostname), table),
  ]
    .filter((part) => part !== '')
    .join('\n')
}

/** `2026-11-23 09:00 UTC`. */
export function renderInstant(
  instant: string | undefined,
  { to = 'minute' }: { to?: 'minute' | 'second' } = {},
): string {
  const length = to === 'minute' ? 16 : 19
  return instant === undefined ? '' : `${instant.slice(0, length).replace('T', ' ')} UTC`
}

function facts(hostname: ApiHostname, { paint }: TableOptions): string {
  const status = (text: string): string => paint(colourOfStatus(text), plain(text))
  const { ssl, custom_origin_server: origin, custom_origin_sni: sni } = hostname
  const metadata = hostname.custom_metadata && JSON.stringify(hostname.custom_metadata)
  const rows: [string, string | undefined][] = [
    ['id', plain(hostname.id)],
    ['status', status(hostname.status)],
    [
      'certificate',
      ssl ? `${status(ssl.status)} (${plain(ssl.method ?? 'your own')})` : 'none wanted',
    ],
    ['origin', origin === undefined ? 'the fallback origin' : plain(origin)],
    ['origin SNI', sni && plain(sni)],
    ['metadata', metadata && plain(metadata)],
    ['created', renderInstant(hostname.created_at)],
  ]
  return rows
    .filter(([, value]) => value)
    .map(([name, value]) => `  ${name.padEnd(12)} ${value}\n`)
    .join('')
}

function certificates({ ssl }: ApiHostname, table: TableOptions): string {
  if (!ssl || ssl.certificates.length === 0) return ''
  return renderTable(
    ssl.certificates,
    [
      { title: 'SIGNATURE', text: ({ signature }) => signature },
      { title: 'ISSUER', text: ({ issuer }) => issuer, flexible: true },
      { title: 'EXPIRES', text: ({ expires_on }) => renderInstant(expires_on) },
    ],
    table,
  )
}

function proofs(hostname: ApiHostname, zone: ApiZone): string[] {
  const { ownership_verification: txt, ownership_verification_http: http } = hostname
  // What is blocked no proof releases.
  if (hostname.status === 'blocked' || (!txt && !http)) return []
  const target = zone.cname_target
  return [
    ...(target ? [`CNAME ${hostname.hostname} to ${target}`] : []),
    ...(txt ? [`TXT ${txt.name} = ${txt.value}`] : []),
    ...(http ? [`HTTP ${http.http_url} answers ${http.http_body}`] : []),
  ]
}

function validations({ ssl }: ApiHostname): string[] {
  return (ssl?.validation_records ?? []).flatMap((record) => [
    ...(record.http_url ? [`HTTP ${record.http_url} answers ${record.http_body ?? ''}`] : []),
    ...(record.txt_name ? [`TXT ${record.txt_name} = ${record.txt_value ?? ''}`] : []),
  ])
}

/** Of use only where the CA is to be shown TXT records, now and at each renewal. */
function delegations({ ssl }: ApiHostname): string[] {
  if (ssl?.method !== 'txt') return []
  return ssl.dcv_delegation_records.map((one) => `CNAME ${one.cname} to ${one.cname_target}`)
}

function list(title: string, items: readonly string[], { paint }: TableOptions): string {
  if (items.length === 0) return ''
  return `${paint('bold', title)}\n${items.map((item) => `  - ${plain(item)}\n`).join('')}`
}
