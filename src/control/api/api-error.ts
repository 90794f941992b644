import { API_ERRORS, type ApiErrorEntry, type ApiErrorKind } from './api-error-table.ts'

export interface ApiErrorOptions {
  /** What was wrong this time; takes the place of `:reason`. */
  reason?: string
  /** JSON pointer (RFC 6901) to the field to blame. */
  pointer?: string
  headers?: Readonly<Record<string, string>>
  /** Further faults of the same request, shown after this one. */
  others?: readonly ApiError[]
}

/** An answer other than success. Its kind is the key of its row in `API_ERRORS`. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly kind: ApiErrorKind
  readonly pointer: string | undefined
  readonly others: readonly ApiError[]
  readonly #headers: Readonly<Record<string, string>>

  constructor(kind: ApiErrorKind, options: ApiErrorOptions = {}) {
    const { reason = 'no reason given', pointer, headers = {}, others = [] } = options
    super(API_ERRORS[kind].message.replace(':reason', () => reason))
    this.kind = kind
    this.pointer = pointer
    this.others = others
    this.#headers = headers
  }

  /** The table's row, widened: headers included. */
  get entry(): ApiErrorEntry {
    return API_ERRORS[this.kind]
  }

  get headers(): Readonly<Record<string, string>> {
    return { ...this.entry.headers, ...this.#headers }
  }
}
