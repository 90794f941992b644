import type { PackageName } from '#test/packages.ts'

import type { BenchCertificates } from '../certificates.ts'

/** What a row may ask of an opponent. */
export type Protocol = 'http/1.1' | 'h2'

/** A reverse proxy that can be measured. */
export interface Opponent {
  readonly name: string
  readonly protocols: readonly Protocol[]
  /** Debian's package that brings the program. */
  readonly packageName?: PackageName
  version(): Promise<string>
  /** Resolves when it accepts connections on `port`. */
  start(setting: Setting): Promise<RunningOpponent>
}

export interface Setting {
  /** An empty directory of its own. */
  directory: string
  /** To listen on at 127.0.0.1. */
  port: number
  originPort: number
  hostname: string
  certificates: BenchCertificates
}

export interface RunningOpponent extends AsyncDisposable {
  readonly port: number
  /** PEM of the root that its chains lead to. */
  readonly ca: string
  /** The processes on its data path, whose CPU time counts. */
  processes(): number[]
  assertAlive(): void
  close(): Promise<void>
}
