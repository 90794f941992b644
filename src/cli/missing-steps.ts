import type { ApiHostname, ApiZone } from './api-schema.ts'

/** What somebody still has to do, or wait for, before the hostname is served; empty when it is. */
export function missingSteps(hostname: ApiHostname, zone: ApiZone): string[] {
  return [...ownershipSteps(hostname, zone), ...certificateSteps(hostname)]
}

/** Proved, certified and served by every edge. */
export function isActive({ status, ssl }: ApiHostname): boolean {
  return status === 'active' && (ssl === undefined || ssl.status === 'active')
}

/** Whether only an edit (`custos hostnames refresh`) moves it on. */
export function isStuck({ status, ssl }: ApiHostname): boolean {
  const isTimedOut = ssl?.status.endsWith('_timed_out') ?? false
  return isTimedOut || ['moved', 'deleted', 'blocked'].includes(status)
}

function ownershipSteps(hostname: ApiHostname, zone: ApiZone): string[] {
  const { status, verification_errors: errors } = hostname
  if (status === 'active' || status === 'active_redeploying') return []
  const target = zone.cname_target
  const pointing = target ? [`point it here: ${hostname.hostname} CNAME ${target}`] : []
  return [...errors, ...(status === 'pending' && errors.length > 0 ? pointing : [])]
}

function certificateSteps({ ssl }: ApiHostname): string[] {
  return ssl?.validation_errors.map(({ message }) => `certificate: ${message}`) ?? []
}
