import type { DnsAddress } from '../dns/resolver.ts'
import type { ChallengeFinding } from '../lifecycle/inspector.ts'

/**
 * CAs look from several places at once, some over IPv6, some over IPv4, and each must see the same
 * thing. So every family that has records is looked at by itself.
 */
export interface FamilyLook {
  family: 4 | 6
  /** Undefined: as it should be. */
  problem: string | undefined
  /** Somebody took the connection. */
  isReached: boolean
}

const RECORDS = { 4: 'A', 6: 'AAAA' } as const

/** The families in which a name has addresses that may be asked. */
export function familiesOf(addresses: readonly DnsAddress[]): (4 | 6)[] {
  const usable = addresses.filter(({ flaw }) => flaw === undefined)
  return ([6, 4] as const).filter((wanted) => usable.some(({ family }) => family === wanted))
}

/**
 * Whoever answers otherwise than expected fails the name, whatever the other family says. A family
 * that nobody can connect to does not, where the other is right: a CA falls back too (Let's Encrypt
 * does, from IPv6 to IPv4), and we may be the ones without IPv6.
 */
export function judgeFamilies(looks: readonly FamilyLook[]): ChallengeFinding {
  const right = looks.filter(({ problem }) => problem === undefined)
  const wrong = looks.filter(({ problem }) => problem !== undefined)
  const answered = wrong.filter(({ isReached }) => isReached)
  if (right.length > 0 && answered.length === 0) return { isReady: true }
  const telling = answered.length > 0 ? answered : wrong
  const problems = telling.map(({ problem }) => problem).join(' ')
  const [stray] = answered
  if (!stray || right.length === 0) return { isReady: false, problem: problems }
  const remedy = `Its ${RECORDS[stray.family === 6 ? 4 : 6]} record is right: remove or correct the ${RECORDS[stray.family]} record.`
  return { isReady: false, problem: `${problems} ${remedy}` }
}
