import type { Check, Seen } from './diagnosis.ts'
import { isFromEdge, isOurs, type FamilyAnswer, type Facts } from './facts.ts'

/** What answers over plain HTTP for the name: an edge, somebody else, or nobody. */

/** Whether another provider stands in front; undefined where none shows. */
export function judgeProxy(facts: Facts): Check | undefined {
  const { hostname } = facts.record
  const marked = (facts.seen.http ?? []).filter(({ outcome }) => outcome.from?.marks.provider)
  const [first] = marked
  if (!first) return undefined
  const provider = first.outcome.from?.marks.provider ?? ''
  const check = {
    name: 'proxy',
    expected: 'the name leads to the edges directly',
    seen: marked.map((answer) => seenOf(answer, facts)),
  } as const
  if (marked.every((answer) => isFromEdge(answer, facts))) {
    return {
      ...check,
      status: 'ok',
      sentence: `${hostname} reaches the edges through ${provider}.`,
    }
  }
  return {
    ...check,
    status: 'wrong',
    sentence: `${hostname} is answered by ${provider}, as its answer says, and not by this service: switch off its proxy for this name (“DNS only”), or let it pass requests on to ${facts.target ?? 'an edge'}.`,
  }
}

/**
 * Whether an edge answers over plain HTTP, in each family; undefined where there is no address, or
 * where it is known already who stands in front.
 */
export function judgeHttp(facts: Facts): Check | undefined {
  const { seen, record } = facts
  if (seen.addresses && seen.addresses.outcome !== 'found') return undefined
  if (judgeProxy(facts)?.status === 'wrong') return undefined
  const { http } = seen
  const check = (status: Check['status'], sentence: string): Check => ({
    name: 'http',
    status,
    expected: 'an edge answers over plain HTTP',
    seen: (http ?? []).map((answer) => seenOf(answer, facts)),
    sentence,
  })
  if (!http) return check('unknown', `${record.hostname} did not answer over HTTP in time.`)
  const wrong = http.filter((answer) => !isFromEdge(answer, facts))
  const answered = wrong.find(({ outcome }) => outcome.from !== undefined)
  if (answered) return check('wrong', blame(answered, record.hostname))
  const [closed] = wrong
  if (!closed) return check('ok', `An edge answers for ${record.hostname} over HTTP.`)
  if (wrong.length === http.length) return check('wrong', whyClosed(closed))
  const family = closed.family === 6 ? 'IPv6' : 'IPv4'
  return check(
    'unknown',
    `${problemOf(closed)} The other addresses are right; it may be that there is no ${family} here.`,
  )
}

function blame(answer: FamilyAnswer, hostname: string): string {
  const { outcome } = answer
  const address = outcome.from?.address ?? ''
  if (outcome.outcome === 'failed' && outcome.kind === 'redirect') {
    return `${outcome.problem} Let requests below /.well-known/ through without a redirect.`
  }
  return `Somebody else answers for ${hostname} at ${address}, not an edge: let the name lead here, or pass /.well-known/ on.`
}

function whyClosed(answer: FamilyAnswer): string {
  const { outcome } = answer
  if (outcome.outcome === 'failed' && outcome.kind === 'address') return outcome.problem
  return `${problemOf(answer)} Validation by HTTP needs that port open.`
}

function problemOf({ outcome }: FamilyAnswer): string {
  return outcome.outcome === 'failed' ? outcome.problem : ''
}

function seenOf(answer: FamilyAnswer, facts: Facts): Seen {
  const { outcome, family } = answer
  const server = outcome.from?.address ?? (family === 6 ? 'IPv6' : 'IPv4')
  if (isFromEdge(answer, facts)) return { server, answer: 'an edge' }
  const provider = outcome.from?.marks.provider
  const said = outcome.outcome === 'failed' ? outcome.problem : 'something else'
  const where = outcome.from && isOurs(outcome.from.address, facts) ? 'an edge: ' : ''
  return { server, answer: `${where}${provider ? `${provider}: ` : ''}${said}` }
}
