import { TLS_ALPN_PATH, type WellKnownAnswer } from '#domain/binding.ts'

export const MAX_ANSWER_PATH_BYTES = 1024
export const MAX_ANSWER_BODY_BYTES = 4096

/** @throws {RangeError} where an answer breaks what `WellKnownAnswer` says */
export function checkAnswer({ path, body }: WellKnownAnswer): void {
  if (!isAnswerPath(path)) {
    throw new RangeError(
      `Cannot put answer: path must begin with / or be ${TLS_ALPN_PATH}, and have at most ${MAX_ANSWER_PATH_BYTES} printable ASCII characters: received ${JSON.stringify(path.slice(0, 80))}`,
    )
  }
  if (body.length > MAX_ANSWER_BODY_BYTES || !ASCII.test(body)) {
    throw new RangeError(
      `Cannot put answer: body must be ASCII of at most ${MAX_ANSWER_BODY_BYTES} bytes: has ${body.length}`,
    )
  }
}

/** Whether there could be an answer: clients choose paths, and a hopeless one costs no look-up. */
export function isAnswerPath(path: string): boolean {
  return path === TLS_ALPN_PATH || (path.length <= MAX_ANSWER_PATH_BYTES && PATH.test(path))
}

const PATH = /^\/[\x21-\x7e]*$/
// oxlint-disable-next-line no-control-regex -- the rule is exactly "ASCII"
const ASCII = /^[\x00-\x7f]*$/
