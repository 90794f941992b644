import { expect, it } from 'vitest'

import type { ApiErrorEntry } from '#control/api/api-error-entry.ts'
import { API_ERRORS } from '#control/api/api-error-table.ts'
import { CUSTOM_CSR_ERRORS } from '#control/api/custom-csr-errors.ts'
import { describeErrors } from '#control/api/error-documentation.ts'
import { ERRORS_NEVER_GIVEN } from '#control/api/errors-never-given.ts'

/** CSRs have codes of hostnames with another meaning (spec section 1.9). */
const OF_CSRS: readonly ApiErrorEntry[] = Object.values(CUSTOM_CSR_ERRORS)
const OTHERS: readonly ApiErrorEntry[] = Object.entries(API_ERRORS)
  .filter(([kind]) => !(kind in CUSTOM_CSR_ERRORS))
  .map(([, entry]) => entry)

function codesOf(entries: readonly ApiErrorEntry[]): number[] {
  return entries.map(({ code }) => code)
}

function neverGiven(prefix: '' | 'csr-'): number[] {
  const form = new RegExp(`^${prefix}(\\d+)$`)
  return Object.keys(ERRORS_NEVER_GIVEN).flatMap((key) => {
    const code = form.exec(key)?.[1]
    return code === undefined ? [] : [Number(code)]
  })
}

const range = (first: number, last: number): number[] =>
  Array.from({ length: last - first + 1 }, (_, at) => first + at)

it.each([
  [
    'hostnames',
    [...range(1000, 1005), ...range(1400, 1449), 1456, 1459, 1469, 1500],
    codesOf(OTHERS),
    neverGiven(''),
  ],
  ['the gateway', [6003, 6111, 7003, 9109, 10000], codesOf(OTHERS), neverGiven('')],
  ['custom CSRs', range(1403, 1420), codesOf(OF_CSRS), neverGiven('csr-')],
])(
  'every code that the specification has of %s is given, or there is a reason',
  (_, codes, ...ours) => {
    const [given, never] = ours
    expect(codes.filter((code) => !given.includes(code) && !never.includes(code))).toEqual([])
    expect(given.filter((code) => never.includes(code))).toEqual([])
  },
)

it('each code has one meaning, and no conflict is sent again', () => {
  expect(new Set(codesOf(OTHERS)).size).toBe(OTHERS.length)
  expect(new Set(codesOf(OF_CSRS)).size).toBe(OF_CSRS.length)
  for (const { headers } of [...OTHERS, ...OF_CSRS].filter(({ status }) => status === 409)) {
    expect(headers).toMatchObject({ 'x-should-retry': 'false' })
  }
})

it('is told in the document, code by code', () => {
  const text = describeErrors()
  for (const { status, code } of [...OTHERS, ...OF_CSRS]) {
    expect(text).toContain(`| ${status} | ${code} |`)
  }
  expect(text).toContain('| 404 | 1436 | The custom hostname was not found. |')
  expect(text).toContain('- 1459: everybody may choose the CA.')
  expect(text).toContain('- of CSRs 1403: ')
  expect(text).not.toContain(':reason')
})
