/** What a load generator did, whichever it was. */
export interface LoadResult {
  requests: number
  failures: number
  /** Up to a few sentences about the failures. */
  problems: string[]
  seconds: number
}

export interface Target {
  port: number
  hostname: string
}
