import type { ExitKind } from './exit-codes.ts'

/** Why a command ends without success: one sentence, and where there is one, what to do about it. */
export class CliError extends Error {
  override readonly name = 'CliError'
  readonly kind: Exclude<ExitKind, 'ok'>
  readonly hint: string | undefined

  constructor(
    kind: Exclude<ExitKind, 'ok'>,
    message: string,
    options: ErrorOptions & { hint?: string } = {},
  ) {
    super(message, options)
    this.kind = kind
    this.hint = options.hint
  }
}
