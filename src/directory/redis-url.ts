/** Where a standalone Redis is, and how to log in. */
export interface RedisServer {
  host: string
  port: number
  username: string | undefined
  password: string | undefined
  database: number
  isTls: boolean
  /** `host:port`, for messages. */
  address: string
}

const DEFAULT_PORT = 6379

/** @throws {TypeError} naming the rule that is broken; the URL itself, with its password, is not shown */
export function parseRedisUrl(text: string): RedisServer {
  const url = URL.parse(text)
  if (!url) throw new TypeError('Redis URL must be redis://host[:port][/database]')
  const { protocol, hostname, port, username, password, pathname, search } = url
  if (protocol !== 'redis:' && protocol !== 'rediss:') {
    throw new TypeError(`Redis URL must begin with redis:// or rediss://: received ${protocol}//`)
  }
  if (hostname === '') throw new TypeError('Redis URL must name a host')
  if (search !== '') throw new TypeError('Redis URL must have no query')
  const [, database] = /^\/?(\d{0,5})$/.exec(pathname) ?? []
  if (database === undefined) {
    throw new TypeError(`Redis URL must end in a database number: received ${pathname}`)
  }
  const host = hostname.replace(/^\[|\]$/g, '')
  const number = port === '' ? DEFAULT_PORT : Number(port)
  return {
    host,
    port: number,
    username: decoded(username),
    password: decoded(password),
    database: Number(database),
    isTls: protocol === 'rediss:',
    address: `${hostname}:${number}`,
  }
}

function decoded(part: string): string | undefined {
  if (part === '') return undefined
  try {
    return decodeURIComponent(part)
  } catch {
    throw new TypeError('Redis URL must have user and password percent-encoded')
  }
}
