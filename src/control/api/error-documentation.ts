import type { ApiErrorEntry } from './api-error-entry.ts'
import { API_ERRORS } from './api-error-table.ts'
import { CUSTOM_CSR_ERRORS } from './custom-csr-errors.ts'
import { ERRORS_NEVER_GIVEN } from './errors-never-given.ts'

/** The table of errors as people read it, in Markdown. */
export function describeErrors(): string {
  const given = Object.entries<ApiErrorEntry>(API_ERRORS).filter(([kind]) => !isOfCsr(kind))
  return [
    '## Errors',
    tableOf(given.map(([, entry]) => entry)),
    'Custom CSRs have codes of their own:',
    tableOf(Object.values(CUSTOM_CSR_ERRORS)),
    'Codes of the specification that are never given here:',
    Object.entries(ERRORS_NEVER_GIVEN)
      .map(([code, reason]) => `- ${code.replace('csr-', 'of CSRs ')}: ${reason}.`)
      .join('\n'),
  ].join('\n\n')
}

function isOfCsr(kind: string): boolean {
  return Object.hasOwn(CUSTOM_CSR_ERRORS, kind)
}

function tableOf(entries: readonly ApiErrorEntry[]): string {
  const rows = entries
    .toSorted((a, b) => a.code - b.code)
    .map(({ status, code, message }) => `| ${status} | ${code} | ${withoutReason(message)} |`)
  return ['| HTTP | code | message |', '|---|---|---|', ...rows].join('\n')
}

/** What was wrong this time stands in its place. */
function withoutReason(message: string): string {
  return message.replace(':reason', '…')
}
