import { describe, expect, it } from 'vitest'

import { readOptions, select } from '../../bench/options.ts'

const all = {
  rows: [{ key: 'http1' }, { key: 'http2' }],
  opponents: [{ name: 'nginx' }, { name: 'https + http-proxy' }],
}

describe('the options of the bench', () => {
  it('default to three rounds of everything', () => {
    expect(readOptions([])).toMatchObject({ rounds: 3, only: [], check: false })
  })

  it('let --rounds win over --quick', () => {
    expect(readOptions(['--quick']).rounds).toBe(1)
    expect(readOptions(['--quick', '--rounds=2']).rounds).toBe(2)
  })

  it('refuse rounds out of range, by name', () => {
    expect(() => readOptions(['--rounds=0'])).toThrow(/--rounds .* received 0/)
    expect(() => readOptions(['--rounds=many'])).toThrow(/--rounds .* received many/)
  })

  it('refuse what they do not know', () => {
    expect(() => readOptions(['--fast'])).toThrow(/--fast/)
  })
})

describe('--only', () => {
  it('narrows rows and opponents each for itself', () => {
    expect(select(['http2'], all)).toEqual({ ...all, rows: [{ key: 'http2' }] })
    expect(select(['http-proxy'], all)).toEqual({ ...all, opponents: [all.opponents[1]] })
    expect(select(['nginx', 'http1'], all)).toEqual({
      rows: [{ key: 'http1' }],
      opponents: [{ name: 'nginx' }],
    })
  })

  it('leaves everything when empty', () => {
    expect(select([], all)).toEqual(all)
  })

  it('refuses a word that matches nothing', () => {
    expect(() => select(['http1', 'varnish'], all)).toThrow(/varnish/)
  })
})
