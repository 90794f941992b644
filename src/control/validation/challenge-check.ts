import { normaliseServerName } from '#domain/hostname.ts'
import type { OrderChallenge } from '#domain/issuance.ts'

import type { ChallengeFinding } from '../lifecycle/inspector.ts'
import { inspectDnsChallenge, type DnsChallengeOptions } from './dns-challenge.ts'
import { inspectHttpChallenge, type HttpChallengeOptions } from './http-challenge.ts'
import { inspectTlsChallenge, type TlsChallengeOptions } from './tls-challenge.ts'

export interface ChallengeCheckOptions
  extends HttpChallengeOptions, DnsChallengeOptions, Omit<TlsChallengeOptions, 'port'> {
  resolver: DnsChallengeOptions['resolver']
  /** Where tls-alpn-01 is looked at: 443, but for tests and demos. */
  tlsPort: number
}

export type ChallengeCheck = (
  challenge: OrderChallenge,
  signal: AbortSignal,
) => Promise<ChallengeFinding>

/** Looks at a challenge as a CA does, whatever its type. Rejects only when aborted. */
export function createChallengeCheck(options: ChallengeCheckOptions): ChallengeCheck {
  const { tlsPort: port } = options
  return async (challenge, signal) => {
    const hostname = normaliseServerName(challenge.identifier)
    if (hostname === undefined) {
      return { isReady: false, problem: `${challenge.identifier} is not a name that can be asked.` }
    }
    const named = { ...challenge, hostname }
    switch (challenge.type) {
      case 'http-01':
        return inspectHttpChallenge(named, options, signal)
      case 'dns-01':
        return inspectDnsChallenge(named, options, signal)
      case 'tls-alpn-01':
        return inspectTlsChallenge(named, { ...options, port }, signal)
      default:
        return challenge.type satisfies never
    }
  }
}
