import { normaliseServerName, type Hostname } from '#domain/hostname.ts'
import type { OrderChallenge } from '#domain/order.ts'
import { startDeadline } from '#lib/deadline.ts'

import type { ChallengeFinding } from '../lifecycle/inspector.ts'
import { inspectDnsChallenge, type DnsChallengeOptions } from './dns-challenge.ts'
import { inspectHttpChallenge, type HttpChallengeOptions } from './http-challenge.ts'
import { inspectTlsChallenge, type TlsChallengeOptions } from './tls-challenge.ts'

export interface ChallengeCheckOptions
  extends HttpChallengeOptions, DnsChallengeOptions, Omit<TlsChallengeOptions, 'port'> {
  resolver: DnsChallengeOptions['resolver']
  /** Where tls-alpn-01 is looked at: 443, but for tests and demos. */
  tlsPort: number
  /** For everything together, in milliseconds. @default 12000 */
  deadlineMs?: number
}

export type ChallengeCheck = (
  challenge: OrderChallenge,
  signal: AbortSignal,
) => Promise<ChallengeFinding>

/**
 * Looks at a challenge as a CA does, whatever its type. The customer's servers decide how long each
 * step takes, so all of it together has a deadline. Rejects only when aborted.
 */
export function createChallengeCheck(options: ChallengeCheckOptions): ChallengeCheck {
  const { clock, deadlineMs = 12_000 } = options
  return async (challenge, signal) => {
    signal.throwIfAborted()
    const hostname = normaliseServerName(challenge.identifier)
    if (hostname === undefined) {
      return { isReady: false, problem: `${challenge.identifier} is not a name that can be asked.` }
    }
    using deadline = startDeadline(deadlineMs, { clock, signal })
    try {
      return await inspect({ ...challenge, hostname }, options, deadline.signal)
    } catch (error) {
      if (!deadline.isOver) throw error
      return { isReady: false, problem: `${hostname} did not answer in time.` }
    } finally {
      signal.throwIfAborted()
    }
  }
}

async function inspect(
  challenge: OrderChallenge & { hostname: Hostname },
  options: ChallengeCheckOptions,
  signal: AbortSignal,
): Promise<ChallengeFinding> {
  switch (challenge.type) {
    case 'http-01':
      return inspectHttpChallenge(challenge, options, signal)
    case 'dns-01':
      return inspectDnsChallenge(challenge, options, signal)
    case 'tls-alpn-01':
      return inspectTlsChallenge(challenge, { ...options, port: options.tlsPort }, signal)
    default:
      return challenge.type satisfies never
  }
}
