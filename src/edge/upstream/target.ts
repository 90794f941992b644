import type { BindingOrigin } from '#domain/binding.ts'
import type { Hostname } from '#domain/hostname.ts'

/** An origin as it is dialled. Connections are shared by all requests whose target has the same key. */
export interface Target {
  readonly key: string
  readonly scheme: 'https' | 'http'
  readonly host: string
  readonly port: number
  /** Sent in the handshake (SNI) and accepted in the certificate; undefined on plain HTTP. */
  readonly serverName: string | undefined
}

export function targetOf(origin: BindingOrigin, hostname: Hostname): Target {
  const { scheme, host, port } = origin
  if (scheme === 'http') {
    return { key: `http ${host} ${port}`, scheme, host, port, serverName: undefined }
  }
  const serverName = origin.serverName ?? hostname
  return { key: `https ${host} ${port} ${serverName}`, scheme, host, port, serverName }
}
