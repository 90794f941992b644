export type UploadProblem =
  /** The certificates cannot be read, or there are too many. */
  | 'unreadable'
  | 'empty'
  | 'several-leaves'
  | 'no-leaf'
  | 'not-covered'
  | 'signature'
  /** No chain to a trusted root, or not at this time. */
  | 'untrusted'
  /** The key cannot be read, or is of a kind that is not served. */
  | 'key-unusable'
  | 'key-mismatch'
  /** The custom CSR that is named is not there, or another zone's. */
  | 'csr-not-found'

/** Why a certificate that a caller brings is refused: a sentence's end, without any of the key. */
export class UploadError extends Error {
  override readonly name = 'UploadError'
  readonly problem: UploadProblem

  constructor(problem: UploadProblem, message: string, options?: ErrorOptions) {
    super(message, options)
    this.problem = problem
  }
}
