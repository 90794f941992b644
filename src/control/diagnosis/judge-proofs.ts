import { ownLookProblems, type Ownership, type OwnershipProof } from '#domain/ownership.ts'
import { renderTime } from '#domain/render-time.ts'

import { txtNameOf } from '../ca/key-authorization.ts'
import { judgeToken, ownershipTxtName } from '../validation/ownership-token.ts'
import type { Check, Seen } from './diagnosis.ts'
import { seenAt, wantedRecord, type Facts } from './facts.ts'
import { judgeTarget } from './judge-dns.ts'
import { judgeHttp } from './judge-http.ts'

/** What must be proved: to us that the zone may serve the name, to a CA that it may be certified. */

const PROOFS = {
  cname: 'its CNAME record',
  txt: 'the token in its TXT record',
  http: 'the token that its web server answered',
  address: 'its addresses',
} as const satisfies Record<OwnershipProof, string>

export function judgeOwnership(facts: Facts): Check {
  const { record, seen } = facts
  const { hostname, ownership, ownershipToken, removal } = record
  const check = (status: Check['status'], sentence: string, since?: number): Check => ({
    name: 'ownership',
    status,
    expected: `${wantedRecord(facts)}, or ${ownershipTxtName(hostname) ?? hostname} TXT ${ownershipToken}`,
    seen: status === 'wrong' ? tokensSeen(seen.token) : [],
    ...(since !== undefined && { since }),
    sentence,
  })
  if (removal) {
    return check('wrong', `${hostname} is being removed from the zone.`, removal.requestedAt)
  }
  switch (ownership.state) {
    case 'verified':
      return check('ok', provedSentence(record, ownership.by), ownership.at)
    case 'pending':
      return judgePending(ownership, { facts, check })
    case 'moved':
    case 'deleted': {
      const [reason = ''] = ownership.errors
      return check(
        'wrong',
        `${hostname} is no longer served: ${reason.replace(/\.$/, '')}. Set ${wantedRecord(facts)}, then ask to validate again (an edit, or \`custos hostnames refresh\`).`,
        ownership.since,
      )
    }
    case 'blocked':
      return check('wrong', `${hostname} is held back: ${ownership.reason}`, ownership.since)
    default:
      return ownership satisfies never
  }
}

/** With what the last look since then found. */
function provedSentence(record: Facts['record'], proof: OwnershipProof): string {
  const proved = `${record.hostname} was proved by ${PROOFS[proof]}`
  const [problem] = ownLookProblems(record)
  return problem === undefined
    ? `${proved}.`
    : `${proved}, but did not lead here when it was last looked at: ${problem}`
}

/** What stands where the token should. */
function tokensSeen(token: Facts['seen']['token']): Seen[] {
  return seenAt(token?.survey.servers ?? []).map(({ server, answer }) => ({
    server,
    answer: `TXT ${answer}`,
  }))
}

type Pending = Extract<Ownership, { state: 'pending' }>

function judgePending(
  ownership: Pending,
  {
    facts,
    check,
  }: {
    facts: Facts
    check: (status: Check['status'], sentence: string, since?: number) => Check
  },
): Check {
  const { hostname } = facts.record
  const verdict = judgeToken(facts.seen.token)
  const isPointed = judgeTarget(facts)?.status === 'ok'
  if (!verdict.isProved && verdict.problem !== '' && !isPointed) {
    return check('wrong', verdict.problem, ownership.since)
  }
  if (!verdict.isProved && !isPointed) {
    const sentence = `${hostname} is not proved yet: set ${wantedRecord(facts)}, or the TXT record with the token.`
    return check('wrong', sentence, ownership.since)
  }
  const when = ownership.nextAt <= facts.now ? 'due now' : `at ${renderTime(ownership.nextAt)}`
  const sentence = `The proof of ${hostname} is in place: the next look, ${when}, will find it.`
  return check('waiting', sentence, ownership.since)
}

/** Whether some CA may issue; undefined where CAA says nothing to any of them. */
export function judgeCaaRecords({ record, seen: { permissions } }: Facts): Check | undefined {
  if (!record.ssl?.method) return undefined
  const check = { name: 'caa', expected: 'no CAA records, or one that names the CA' } as const
  if (!permissions) {
    const sentence = 'Who may issue for the name (CAA) could not be looked up in time.'
    return { ...check, status: 'unknown', seen: [], sentence }
  }
  const seen = permissions.map(({ ca, finding }) => ({
    server: ca,
    answer: finding.isPermitted ? 'permitted' : 'not permitted',
  }))
  const allowed = permissions.find(({ finding }) => finding.isPermitted)
  const [first] = permissions
  if (!first) return undefined
  if (allowed) {
    return {
      ...check,
      status: 'ok',
      seen,
      sentence: `${allowed.ca} may issue for ${record.hostname}.`,
    }
  }
  const sentence = first.finding.isPermitted ? '' : first.finding.problem
  return { ...check, status: 'wrong', seen, sentence }
}

/** Whether a delegation leads to our zone; undefined where there is none, or nobody needs one. */
export function judgeDelegation(facts: Facts): Check | undefined {
  const { record, delegationTarget: target, seen } = facts
  const { ssl, hostname } = record
  const needsDns = ssl && (ssl.method === 'txt' || ssl.wildcard)
  if (!needsDns || target === undefined || seen.delegation?.outcome !== 'found') return undefined
  const aliases = seen.delegation.values
  const name = txtNameOf(hostname)
  const check = {
    name: 'dcv_delegation',
    expected: `${name} CNAME ${target}`,
    seen: [{ server: name, answer: `CNAME ${aliases[0]}` }],
  } as const
  if (aliases.includes(target)) {
    return { ...check, status: 'ok', sentence: `${name} is delegated to us.` }
  }
  const sentence = `${name} is an alias of ${aliases[0]}, left from another provider: change it to ${check.expected}.`
  return { ...check, status: 'wrong', sentence }
}

/** What the open orders show; undefined where the customer has nothing to show. */
export function judgeChallenges(facts: Facts): Check | undefined {
  const { challenges = [] } = facts.seen
  if (challenges.length === 0) return undefined
  const check = {
    name: 'challenge',
    expected: 'what the CA wants to see, at every name server and address',
    seen: challenges.map(({ type, finding }) => ({
      server: type,
      answer: finding.isReady ? 'as it should be' : finding.problem,
    })),
  } as const
  const problem = challenges
    .map(({ finding }) => (finding.isReady ? undefined : finding.problem))
    .find((each) => each !== undefined)
  // The lifecycle proves by HTTP what leads here, whatever was chosen (spec section 3.1).
  if (problem !== undefined && !facts.record.ssl?.wildcard && judgeHttp(facts)?.status === 'ok') {
    const sentence = 'The name leads here, so the CA is shown it over HTTP and needs no TXT record.'
    return { ...check, status: 'ok', sentence }
  }
  if (problem !== undefined) return { ...check, status: 'wrong', sentence: problem }
  return { ...check, status: 'ok', sentence: 'The CA would see what it wants to see.' }
}
