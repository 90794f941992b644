import type { Certificate } from '#domain/certificate.ts'
import { backoffMs } from '#lib/backoff.ts'
import type { Clock } from '#lib/clock.ts'
import type { Logger } from '#lib/log.ts'
import type { Random } from '#lib/random.ts'

import type { Issuers } from '../ca/issuers.ts'

/**
 * Revokes the certificates of hostnames that were removed (RFC 8555 section 7.6), beside everything
 * else: no removal waits for a CA. Their keys are destroyed by then, so what a CA does not take after
 * some tries, or what this process does not live to tell it, is left to expire.
 */
export interface Revocations extends AsyncDisposable {
  /** The caller's own certificates among them are left alone. */
  add(certificates: readonly Certificate[]): void
  /** Ends what is under way and waits for it. Idempotent. */
  close(): Promise<void>
}

export interface RevocationsOptions {
  issuers: Issuers
  clock: Clock
  random: Random
  log: Logger
}

const TRIES = 5
const BACKOFF = { firstMs: 10_000, maxMs: 10 * 60_000, factor: 4 }
/** More at once are left to expire: a zone of a million hostnames is not revoked one by one. */
const MAX_WAITING = 10_000

export function startRevocations(options: RevocationsOptions): Revocations {
  const { log } = options
  const closing = new AbortController()
  const running = new Set<Promise<void>>()

  const add = (certificates: readonly Certificate[]): void => {
    for (const certificate of certificates) {
      if (certificate.ca === undefined) continue
      if (running.size >= MAX_WAITING) {
        log.warn({ certificateId: certificate.id }, 'too many to revoke: left to expire')
        continue
      }
      const work = revoke(certificate, options, closing.signal)
      const settled = work.finally(() => running.delete(settled))
      running.add(settled)
    }
  }
  const close = async (): Promise<void> => {
    closing.abort(new DOMException('closing', 'AbortError'))
    await Promise.all(running)
  }
  return { add, close, [Symbol.asyncDispose]: close }
}

/** Never rejects. */
async function revoke(
  { id: certificateId, ca = '', chain, serialNumber }: Certificate,
  { issuers, clock, random, log }: RevocationsOptions,
  signal: AbortSignal,
): Promise<void> {
  const issuer = issuers.find(ca)
  if (!issuer) return log.warn({ ca, certificateId }, 'cannot revoke: its CA is not used any more')
  for (let failures = 1; !signal.aborted; failures++) {
    try {
      await issuer.revoke(chain, signal)
      return log.info({ ca, certificateId, serialNumber }, 'certificate revoked')
    } catch (err) {
      if (signal.aborted) return
      log.warn({ err, ca, certificateId, failures }, 'cannot revoke')
      if (failures === TRIES) return
      await clock.sleep(backoffMs(failures, random.fraction(), BACKOFF), signal).catch(() => {})
    }
  }
}
