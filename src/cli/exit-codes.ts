/** Every way in which a command ends; the one table behind `--help`, the README and the code. */
export const EXIT_CODES = {
  ok: { code: 0, meaning: 'done' },
  failed: { code: 1, meaning: 'failed, or refused by the API' },
  usage: { code: 2, meaning: 'wrong command, argument or option' },
  notFound: { code: 3, meaning: 'no such hostname, zone or hold' },
  notAllowed: { code: 4, meaning: 'token missing, wrong, or not allowed to do this' },
  unreachable: { code: 5, meaning: 'the API cannot be reached' },
  timedOut: { code: 6, meaning: 'what --wait waited for has not happened in time' },
  unwell: { code: 7, meaning: 'doctor: something is wrong with the hostname' },
  unfinished: { code: 8, meaning: 'doctor: nothing is wrong, but it is not served yet' },
  configuration: { code: 78, meaning: 'wrong settings' },
} as const satisfies Record<string, { code: number; meaning: string }>

export type ExitKind = keyof typeof EXIT_CODES

export function renderExitCodes(): string {
  const lines = Object.values(EXIT_CODES).map(
    ({ code, meaning }) => `  ${String(code).padStart(2)}  ${meaning}`,
  )
  return ['Exit codes:', ...lines].join('\n')
}
