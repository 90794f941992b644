import { normaliseServerName, type Hostname } from '#domain/hostname.ts'

import { txtNameOf } from '../ca/key-authorization.ts'
import type { Resolver } from '../dns/resolver.ts'

export interface DelegationCheckOptions {
  resolver: Pick<Resolver, 'resolveCname'>
  /** Name of our own delegation zone; undefined: there is none. */
  dcvZone: string | undefined
}

export interface DelegationQuestion {
  hostname: Hostname
  /** Of the zone that has the hostname. */
  delegationUuid: string
}

/** Rejects only with `signal.reason`. */
export type DelegationCheck = (
  question: DelegationQuestion,
  signal: AbortSignal,
) => Promise<boolean>

/**
 * Whether the name's customer lets our DNS server answer for it, by `_acme-challenge.<host> CNAME
 * <host>.<uuid>.<DCV zone>`: what needs no token of an order, and is placed for one zone only.
 */
export function createDelegationCheck({
  resolver,
  dcvZone,
}: DelegationCheckOptions): DelegationCheck {
  return async ({ hostname, delegationUuid }, signal) => {
    if (dcvZone === undefined) return false
    const name = normaliseServerName(txtNameOf(hostname))
    const target = normaliseServerName(`${hostname}.${delegationUuid}.${dcvZone}`)
    if (name === undefined || target === undefined) return false
    const found = await resolver.resolveCname(name, signal)
    return found.outcome === 'found' && found.values.includes(target)
  }
}
