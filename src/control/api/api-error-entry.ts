/** What an entry of the table says. `:reason` in the message is replaced by what was wrong this time. */
export interface ApiErrorEntry {
  status: number
  code: number
  message: string
  /** Headers that always go with it. */
  headers?: Readonly<Record<string, string>>
}

/**
 * A conflict stays one when it is sent again. The SDKs would otherwise send each conflicting POST
 * three times (spec section 7.3).
 */
export const NO_RETRY = { 'x-should-retry': 'false' } as const
