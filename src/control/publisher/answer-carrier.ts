import type { DirectoryPublisher } from '#directory/directory.ts'
import { TLS_ALPN_PATH, type WellKnownAnswer } from '#domain/binding.ts'
import { OWNERSHIP_PATH, wantedAnswers, type CustomHostname } from '#domain/custom-hostname.ts'
import type { Clock } from '#lib/clock.ts'
import type { HostnameStore } from '#store/store.ts'

/**
 * What the edges answer for a record by themselves. Records of two zones may have one name, and share
 * its answers: a CA gives both the same challenge, or both want the one tls-alpn-01 answer that a name
 * has. So what one of them wants no more stays where another wants it, and no look of one disturbs
 * a validation that is under way for another.
 */
export interface AnswerCarrier {
  put(record: CustomHostname): Promise<void>
  /** Removes those answers that were put for `before` and that neither `after` nor others want. */
  remove(before: CustomHostname, after?: CustomHostname): Promise<void>
}

export interface AnswerCarrierOptions {
  store: { readonly hostnames: Pick<HostnameStore, 'listByName'> }
  directory: Pick<DirectoryPublisher, 'putAnswer' | 'removeAnswer'>
  clock: Pick<Clock, 'now'>
}

/** An ownership answer stays as long as the hostname may be pending (spec section 2.4: 7 days). */
const OWNERSHIP_ANSWER_MS = 14 * 24 * 3_600_000

export function createAnswerCarrier(options: AnswerCarrierOptions): AnswerCarrier {
  const { store, directory, clock } = options
  const answersOf = (record: CustomHostname): WellKnownAnswer[] => listAnswers(record, clock.now())
  const listOthers = async ({ hostname, id }: CustomHostname): Promise<CustomHostname[]> => {
    const records = await store.hostnames.listByName(hostname)
    return records.filter((one) => one.id !== id && !one.removal)
  }
  return {
    async put(record) {
      const answers = answersOf(record)
      const isShared = answers.some(({ path }) => path === TLS_ALPN_PATH)
      const others = isShared ? (await listOthers(record)).filter(isValidating) : []
      const before = others.flatMap(answersOf).find(({ path }) => path === TLS_ALPN_PATH)
      for (const answer of answers) {
        await directory.putAnswer((answer.path === TLS_ALPN_PATH ? before : undefined) ?? answer)
      }
    },
    async remove(before, after) {
      const kept = new Set(after && answersOf(after).map(({ path }) => path))
      const unwanted = answersOf(before).filter(({ path }) => !kept.has(path))
      if (unwanted.length === 0) return
      const others = (await listOthers(before)).toSorted(validatingFirst).flatMap(answersOf)
      for (const { hostname, path } of unwanted) {
        const other = others.find((answer) => answer.path === path)
        if (other) await directory.putAnswer(other)
        else await directory.removeAnswer(hostname, path)
      }
    },
  }
}

function listAnswers(record: CustomHostname, now: number): WellKnownAnswer[] {
  const { hostname, id, ownership, ownershipToken: body } = record
  const answers = wantedAnswers(record).map((answer) => ({ hostname, ...answer }))
  if (ownership.state !== 'pending') return answers
  const expiresAt = now + OWNERSHIP_ANSWER_MS
  return [...answers, { hostname, path: `${OWNERSHIP_PATH}${id}`, body, expiresAt }]
}

function isValidating({ chains }: CustomHostname): boolean {
  return chains.some(({ issuance }) => issuance.state === 'validating')
}

function validatingFirst(one: CustomHostname, other: CustomHostname): number {
  return Number(isValidating(other)) - Number(isValidating(one))
}
