import type { KeyAlgorithm } from '#domain/certificate.ts'
import type { Cell, MetricFamily, Metrics } from '#lib/metrics.ts'

/** How the start of a connection on the TLS port ended. */
export type HandshakeResult =
  | 'ok'
  | 'no-server-name'
  | 'unknown-name'
  | 'not-ready'
  | 'malformed-hello'
  | 'plain-http'
  | 'hello-timeout'
  | 'handshake-timeout'
  | 'crowded-out'
  | 'client-gone'
  | 'shutting-down'
  /** OpenSSL and the client did not agree: version, cipher, ALPN, or broken bytes. */
  | 'tls-error'
  | 'directory-unavailable'
  /** No certificate of the binding can be used. */
  | 'unusable-certificate'
  /** A tls-alpn-01 challenge was answered; nothing else is served on such a connection. */
  | 'challenge'
  /** The same was asked of a name that has no challenge to answer. */
  | 'no-challenge'

export interface Established {
  version: string
  keyAlgorithm: KeyAlgorithm | undefined
  resumed: boolean
}

type Label = 'result' | 'version' | 'key' | 'resumed'

/** Counts handshakes; each label set is found once and its cell kept. */
export class HandshakeMetrics {
  readonly #family: MetricFamily<Label>
  readonly #cells = new Map<string, Cell>()

  constructor(metrics: Metrics) {
    this.#family = metrics.counter({
      name: 'custos_edge_handshakes_total',
      help: 'Connections on the TLS port by how their handshake ended.',
      labelNames: ['result', 'version', 'key', 'resumed'],
    })
  }

  count(result: Exclude<HandshakeResult, 'ok'>): void {
    const cell = this.#cells.get(result)
    if (cell) cell.value += 1
    else this.#add(result, { result, version: '', key: '', resumed: '' })
  }

  countOk({ version, keyAlgorithm, resumed }: Established): void {
    const key = `ok ${version} ${keyAlgorithm} ${resumed}`
    const cell = this.#cells.get(key)
    if (cell) cell.value += 1
    else
      this.#add(key, { result: 'ok', version, key: keyAlgorithm ?? '', resumed: String(resumed) })
  }

  #add(key: string, labels: Record<Label, string>): void {
    const cell = this.#family.cell(labels)
    cell.value += 1
    this.#cells.set(key, cell)
  }
}
