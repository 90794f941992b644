import { describe, expect, it } from 'vitest'

import { parseRedisUrl } from '#directory/redis-url.ts'

describe('parseRedisUrl', () => {
  it('fills in what the URL leaves out', () => {
    expect(parseRedisUrl('redis://cache.internal')).toEqual({
      host: 'cache.internal',
      port: 6379,
      username: undefined,
      password: undefined,
      database: 0,
      isTls: false,
      address: 'cache.internal:6379',
    })
  })

  it('reads user, password, port, database and TLS', () => {
    expect(parseRedisUrl('rediss://edge:p%40ss@[::1]:7000/3')).toEqual({
      host: '::1',
      port: 7000,
      username: 'edge',
      password: 'p@ss',
      database: 3,
      isTls: true,
      address: '[::1]:7000',
    })
  })

  it('refuses what is not the URL of a standalone Redis, without showing the password', () => {
    const message = (url: string): string => {
      try {
        parseRedisUrl(url)
        return 'accepted'
      } catch (error) {
        return String(error)
      }
    }
    expect(message('nonsense')).toContain('must be redis://host')
    expect(message('http://host')).toContain(
      'must begin with redis:// or rediss://: received http:',
    )
    expect(message('redis+cluster://:secret@a,b')).not.toContain('secret')
    expect(message('redis://:secret@host/db')).toMatch(/database number: received \/db$/)
    expect(message('redis://:secret@host?family=6')).toMatch(/must have no query$/)
    expect(message('redis://:%zz@host')).toMatch(/percent-encoded$/)
    expect(message('redis:///3')).toMatch(/must name a host$/)
  })
})
