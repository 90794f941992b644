import { expect, it } from 'vitest'

import { readYearOptions } from '../../../bench/year/options.ts'

it('takes the issue’s size unless told otherwise', () => {
  expect(readYearOptions([])).toMatchObject({ hostnames: 100_000, seed: 1 })
  expect(readYearOptions(['--hostnames=2000', '--seed=7', '--chart=x.svg'])).toEqual({
    hostnames: 2_000,
    seed: 7,
    chart: 'x.svg',
  })
})

it.each([['--hostnames=999'], ['--hostnames=many'], ['--hostnames='], ['--seed=-1'], ['--fast']])(
  'refuses %s',
  (argument) => {
    expect(() => readYearOptions([argument])).toThrow(argument.split('=')[0])
  },
)
