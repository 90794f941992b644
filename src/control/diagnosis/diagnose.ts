import { LRUCache } from 'lru-cache'

import type { CustomHostname } from '#domain/custom-hostname.ts'
import { normaliseServerName, type Hostname } from '#domain/hostname.ts'
import type { Zone } from '#domain/zone.ts'

import { normaliseTarget } from '../validation/cname-target.ts'
import { createEdgePrefixes } from '../validation/edge-prefixes.ts'
import type { Diagnosis } from './diagnosis.ts'
import { judge } from './judge.ts'
import { look, type LookOptions } from './look.ts'

/**
 * Says what is well and what is not with one hostname, and what to do first. Undefined where too many
 * are being diagnosed already.
 */
export type Diagnose = (record: CustomHostname, zone: Zone) => Promise<Diagnosis | undefined>

export interface DiagnoseOptions extends LookOptions {
  /** CIDR each. */
  edgePrefixes: readonly string[]
  /** Where a zone's customers point their names, unless the zone says otherwise. */
  defaultCnameTarget: string | undefined
  /** Name of our own DCV delegation zone; undefined: there is none. */
  dcvZone: string | undefined
  /** Looks under way at once. @default 16 */
  maxRunning?: number
  /** Whoever asks again within it, in milliseconds, gets the same answer. @default 5000 */
  sharedMs?: number
}

const MAX_KEPT = 1_000

/**
 * Each look sends a few dozen questions to servers that the customer chose, whenever a caller likes: so
 * it is bounded in time, in number, and shared by those who ask for the same hostname.
 */
export function createDiagnose(options: DiagnoseOptions): Diagnose {
  const { clock, maxRunning = 16, sharedMs = 5_000 } = options
  const recent = new LRUCache<string, Diagnosis>({ max: MAX_KEPT })
  const running = new Map<string, Promise<Diagnosis>>()

  const start = async (record: CustomHostname, zone: Zone): Promise<Diagnosis> => {
    try {
      const diagnosis = await lookAndJudge(record, zone, options)
      recent.set(record.id, diagnosis)
      return diagnosis
    } finally {
      running.delete(record.id)
    }
  }
  return async (record, zone) => {
    const { id } = record
    const known = recent.get(id)
    if (known && clock.now() - known.at < sharedMs) return known
    const underWay = running.get(id)
    if (underWay || running.size >= maxRunning) return underWay
    const started = start(record, zone)
    running.set(id, started)
    return started
  }
}

async function lookAndJudge(
  record: CustomHostname,
  zone: Zone,
  options: DiagnoseOptions,
): Promise<Diagnosis> {
  const { edgePrefixes, defaultCnameTarget, clock } = options
  const target = normaliseTarget(zone.cnameTarget ?? defaultCnameTarget)
  const seen = await look(record, target, options)
  return judge({
    record,
    zone,
    target,
    delegationTarget: delegationOf(record, zone, options),
    isEdgeAddress: createEdgePrefixes(edgePrefixes),
    hasEdgePrefixes: edgePrefixes.length > 0,
    now: clock.now(),
    seen,
  })
}

function delegationOf(
  { hostname }: CustomHostname,
  { dcvDelegationUuid }: Zone,
  { dcvZone }: DiagnoseOptions,
): Hostname | undefined {
  if (dcvZone === undefined) return undefined
  return normaliseServerName(`${hostname}.${dcvDelegationUuid}.${dcvZone}`)
}
