import type { Check, CheckStatus, Diagnosis } from './diagnosis.ts'
import type { Facts } from './facts.ts'
import { judgeCertificate, judgeDeployment, judgeOrigin } from './judge-certificate.ts'
import {
  judgeDnssec,
  judgeExistence,
  judgeIpv6,
  judgeNameServers,
  judgeTarget,
} from './judge-dns.ts'
import { judgeHttp, judgeProxy } from './judge-http.ts'
import {
  judgeCaaRecords,
  judgeChallenges,
  judgeDelegation,
  judgeOwnership,
} from './judge-proofs.ts'

/** First things first: what the customer must do, then the operator, then what only takes time. */
const JUDGES: readonly ((facts: Facts) => Check | undefined)[] = [
  judgeExistence,
  judgeDnssec,
  judgeNameServers,
  judgeProxy,
  judgeTarget,
  judgeIpv6,
  judgeHttp,
  judgeOwnership,
  judgeCaaRecords,
  judgeDelegation,
  judgeChallenges,
  judgeOrigin,
  judgeCertificate,
  judgeDeployment,
]

/** Pure: the same facts make the same diagnosis. */
export function judge(facts: Facts): Diagnosis {
  const checks = JUDGES.map((one) => one(facts)).filter((check) => check !== undefined)
  const first = (status: CheckStatus): Check | undefined =>
    checks.find((check) => check.status === status)
  const telling = first('wrong') ?? first('waiting')
  const { hostname, ssl } = facts.record
  const well = ssl
    ? 'proved, certified and served by every edge'
    : 'proved and served by every edge'
  return {
    hostname,
    at: facts.now,
    status: telling?.status ?? 'ok',
    summary: telling?.sentence ?? `${hostname} is well: ${well}.`,
    checks,
  }
}
