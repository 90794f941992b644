/**
 * How far those who wait for a CA had got when it was last seen to go away or to come back, so that a
 * control process that starts anew goes on from there.
 */
export interface OutageStore {
  /** Of every CA that ever was away. */
  list(): Promise<CaProgress[]>
  /** Replaces what is known of that CA. */
  put(progress: CaProgress): Promise<void>
}

/** Those whose turn was before `reached` have been served, at the instant `at`. */
export interface CaProgress {
  ca: string
  reached: number
  at: number
  isAway: boolean
}
