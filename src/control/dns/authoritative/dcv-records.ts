import type { Hostname } from '#domain/hostname.ts'

/**
 * THE PORT from the DNS server to what it publishes: below `<uuid>.<DCV zone>` the custom hostnames of
 * the zone that has this uuid, each with the TXT values of its open orders.
 */
export interface DcvRecords {
  /**
   * Whether a zone has the uuid. Answers from memory as a rule: anybody may ask for any uuid.
   *
   * @throws when it is not known and cannot be found out
   */
  hasDelegation(delegationUuid: string): Promise<boolean>
  /**
   * The values to publish. Empty: the name is there, be it a custom hostname without an open order or
   * only the end of one's name. Undefined: there is no such name.
   *
   * @throws when it cannot be found out
   */
  findTxt(hostname: Hostname, delegationUuid: string): Promise<readonly string[] | undefined>
}
