import type { Config } from '#config/config.ts'
import type { Clock } from '#lib/clock.ts'
import type { Random } from '#lib/random.ts'

import type { Issuers } from './ca/issuers.ts'
import { createCaList } from './diagnosis/ca-list.ts'
import { createDiagnose, type Diagnose } from './diagnosis/diagnose.ts'
import { createAddressRule } from './dns/address-rule.ts'
import { createAuthoritativeResolver } from './dns/authoritative-resolver.ts'
import type { Inspector } from './lifecycle/inspector.ts'
import { createChallengeCheck, type ChallengeCheck } from './validation/challenge-check.ts'
import { createDelegationCheck, type DelegationCheck } from './validation/delegation-check.ts'
import { createEdgePrefixes } from './validation/edge-prefixes.ts'
import { createNetworkInspector } from './validation/network-inspector.ts'
import { createWellKnownFetch } from './validation/well-known-fetch.ts'

/** All who look at the customer's side; they share one resolver, so what it keeps serves all. */
export interface CustomerSide {
  /** For the lifecycle, before anything is ordered. */
  inspector: Inspector
  /** For the lifecycle, where orders are scarce. */
  inspectDelegation: DelegationCheck
  /** For the built-in CA, which looks by itself. */
  inspectAsCa: ChallengeCheck
  /** For whoever asks what is wrong; CAs are opened after the looks that one of them takes. */
  diagnoseWith(issuers: Issuers): Diagnose
}

export interface CustomerSideOptions {
  config: Config
  clock: Clock
  random: Random
}

/** Shorter than a diagnosis may take, so that it can tell of a port that swallows everything. */
const DIAGNOSIS_FETCH_MS = 6_000
const CA_USER_AGENT = 'Custos-CA (http-01 validation)'

export function createCustomerSide({ config, clock, random }: CustomerSideOptions): CustomerSide {
  const { validationHttpPort: port, validationTlsPort: tlsPort, dcvZone, edgePrefixes } = config
  const { dnsServers: servers, dnsRoots: roots } = config
  const isEdgeAddress = createEdgePrefixes(edgePrefixes)
  const addressRule = createAddressRule({
    allowPrivate: config.allowPrivateAddresses,
    isEdgeAddress,
  })
  const resolver = createAuthoritativeResolver({ servers, roots, addressRule, clock, random })
  const fetchWellKnown = createWellKnownFetch({ resolver, clock, port })
  const eyes = { resolver, fetchWellKnown, clock, tlsPort, dcvZone, isEdgeAddress }
  const inspector = createNetworkInspector(eyes)
  return {
    inspector,
    inspectDelegation: createDelegationCheck({ resolver, dcvZone }),
    inspectAsCa: createChallengeCheck({ ...eyes, userAgent: CA_USER_AGENT }),
    diagnoseWith: (issuers) =>
      createDiagnose({
        resolver,
        inspector,
        clock,
        dcvZone,
        edgePrefixes,
        fetchWellKnown: createWellKnownFetch({
          resolver,
          clock,
          port,
          deadlineMs: DIAGNOSIS_FETCH_MS,
        }),
        defaultCnameTarget: config.firstZone.cnameTarget,
        listCas: createCaList(issuers),
      }),
  }
}
