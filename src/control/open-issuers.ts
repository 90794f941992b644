import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import type { CaConfig } from '#config/config.ts'
import { caLimitsOf, UNLIMITED, withOverrides, type CaLimits } from '#domain/ca-limits.ts'
import type { Clock } from '#lib/clock.ts'
import type { Logger } from '#lib/log.ts'
import type { Random } from '#lib/random.ts'
import type { SecretStore } from '#store/store.ts'

import { createAcmeIssuer, type AcmeIssuer } from './ca/acme/acme-issuer.ts'
import type { Issuer } from './ca/issuer.ts'
import { createIssuers, type Issuers } from './ca/issuers.ts'
import {
  createLocalIssuer,
  type InspectChallenge,
  type LocalIssuer,
} from './ca/local/local-issuer.ts'
import type { MeasureIssuer } from './ca/measured-issuer.ts'

export interface OpenIssuersOptions {
  /** In the order in which they are asked. */
  cas: readonly CaConfig[]
  /** Absolute. Gets the roots of the built-in CA, where that is one of them. */
  dataDir: string
  secrets: SecretStore
  /** How the built-in CA looks at challenges. */
  inspectChallenge: InspectChallenge
  /** Counts what each is asked. */
  measure: MeasureIssuer
  clock: Clock
  random: Random
  log: Logger
}

export interface OpenedIssuers extends AsyncDisposable {
  issuers: Issuers
  /** As orders and certificates name them. */
  names: readonly string[]
  limitsOf(ca: string): CaLimits
}

/** Roots of the built-in CA, in the data directory. */
export const ROOTS_FILE = 'local-ca.pem'

/** Builds all CAs that are set up; no public one is asked for anything yet. */
export async function openIssuers(options: OpenIssuersOptions): Promise<OpenedIssuers> {
  await using opened = new AsyncDisposableStack()
  const all: Issuer[] = []
  const limits = new Map<string, CaLimits>()
  for (const ca of options.cas) {
    const issuer = ca.kind === 'local' ? await openLocal(ca, options) : openAcme(ca, options)
    opened.defer(() => issuer.close())
    all.push(options.measure(issuer))
    limits.set(issuer.name, limitsOfConfig(ca))
  }
  const issuers = createIssuers(all)
  const owned = opened.move()
  return {
    issuers,
    names: [...limits.keys()],
    limitsOf: (ca) => limits.get(ca) ?? UNLIMITED,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/**
 * The built-in CA is ours; others publish their limits, or are expected to have some, unless they have
 * granted the operator others.
 */
function limitsOfConfig(ca: CaConfig): CaLimits {
  if (ca.kind === 'local') return UNLIMITED
  return withOverrides(caLimitsOf(ca.directoryUrl), ca.limits)
}

function openAcme(
  ca: Extract<CaConfig, { kind: 'acme' }>,
  { secrets, clock, log }: OpenIssuersOptions,
): AcmeIssuer {
  return createAcmeIssuer({ ...ca, secrets, clock, log })
}

async function openLocal(
  { leafLifetimeMs }: Extract<CaConfig, { kind: 'local' }>,
  { dataDir, secrets, inspectChallenge, clock, random }: OpenIssuersOptions,
): Promise<LocalIssuer> {
  const parts = { secrets, inspectChallenge, clock, random }
  const issuer = await createLocalIssuer({ ...parts, leafLifetimeMs })
  await exportRoots(dataDir, issuer.exportRoots())
  return issuer
}

/** Written whole or not at all: a client may read it at any moment. */
async function exportRoots(dataDir: string, roots: string): Promise<void> {
  const path = join(dataDir, ROOTS_FILE)
  await writeFile(`${path}.new`, roots)
  await rename(`${path}.new`, path)
}
