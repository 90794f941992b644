import { createHash } from 'node:crypto'

import { BINDING_HEAD_BYTES } from './binding-codec.ts'
import type { RedisScript } from './redis-connection.ts'

/**
 * What must happen whole or not at all, as Lua. Needs Redis 6.2. Where a script reads a binding it
 * reads the head (binding-codec.ts): version(1), serial(8), length of the hostname's id(1), the id.
 */

/**
 * Writes a change. The first one of a new log begins after `floor`, the last millisecond for which
 * the publisher was given an id: ids go on growing over a loss, whatever Redis's clock says.
 */
const APPEND = `
  local function append(log, length, floor, kind, name)
    local id = '*'
    if redis.call('EXISTS', log) == 0 then
      local time = redis.call('TIME')
      local now = time[1] * 1000 + math.floor(time[2] / 1000)
      if now <= tonumber(floor) then id = string.format('%.0f-0', floor + 1) end
    end
    return redis.call('XADD', log, 'MAXLEN', '~', length, id, 'k', kind, 'n', name)
  end
`

/**
 * KEYS binding, names, changes, then one for each intermediate.
 * ARGV bytes, name, length of the log, floor, then the intermediates. Returns the change's id.
 */
export const PUBLISH = script(`${APPEND}
  local function serial(bytes)
    local number = 0
    for at = 2, 9 do number = number * 256 + string.byte(bytes, at) end
    return number
  end
  for at = 4, #KEYS do redis.call('SET', KEYS[at], ARGV[at + 1], 'NX') end
  local head = redis.call('GETRANGE', KEYS[1], 0, 8)
  local isSame = #head == 9 and string.byte(head, 1) == string.byte(ARGV[1], 1)
  if not isSame or serial(head) <= serial(ARGV[1]) then
    redis.call('SET', KEYS[1], ARGV[1])
    redis.call('ZADD', KEYS[2], 0, ARGV[2])
  end
  return append(KEYS[3], ARGV[3], ARGV[4], 'published', ARGV[2])
`)

/** KEYS binding, names, changes. ARGV hostname's id, name, length of the log, floor. Returns the change. */
export const WITHDRAW = script(`${APPEND}
  local head = redis.call('GETRANGE', KEYS[1], 0, ${BINDING_HEAD_BYTES - 1})
  local length = string.byte(head, 10)
  if not length or string.sub(head, 11, 10 + length) == ARGV[1] then
    redis.call('DEL', KEYS[1])
    redis.call('ZREM', KEYS[2], ARGV[2])
  end
  return append(KEYS[3], ARGV[3], ARGV[4], 'removed', ARGV[2])
`)

/** KEYS value, changes. ARGV value, kind of change, length of the log, floor. Returns the change. */
export const PUT_AND_ANNOUNCE = script(`${APPEND}
  redis.call('SET', KEYS[1], ARGV[1])
  return append(KEYS[2], ARGV[3], ARGV[4], ARGV[2], '')
`)

/**
 * KEYS epoch, changes. ARGV after (or empty), limit.
 * Returns epoch, id of the server's run, newest, whether \`after\` is in the log, entries after it.
 */
export const READ_LOG = script(`
  local info = redis.pcall('INFO', 'server')
  local run = type(info) == 'string' and string.match(info, 'run_id:(%x+)') or ''
  local newest = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)[1]
  local covered, entries = 0, {}
  if ARGV[1] ~= '' then
    covered = #redis.call('XRANGE', KEYS[2], ARGV[1], ARGV[1])
    entries = redis.call('XRANGE', KEYS[2], '(' .. ARGV[1], '+', 'COUNT', ARGV[2])
  end
  return { redis.call('GET', KEYS[1]), run, newest and newest[1] or false, covered, entries }
`)

/** KEYS edges. ARGV edge's id, heartbeat, milliseconds for which it is kept. */
export const BEAT = script(`
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f', now) .. ':' .. ARGV[2])
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
`)

/**
 * KEYS edges. ARGV milliseconds after which a silent one is forgotten.
 * Returns for each edge: its id, milliseconds since it was heard, heartbeat.
 */
export const LIST_EDGES = script(`
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  local all, edges = redis.call('HGETALL', KEYS[1]), {}
  for at = 1, #all, 2 do
    local heard, heartbeat = string.match(all[at + 1], '^(%d+):(.*)$')
    local silence = now - tonumber(heard)
    if silence > tonumber(ARGV[1]) then redis.call('HDEL', KEYS[1], all[at])
    else edges[#edges + 1] = { all[at], silence, heartbeat } end
  end
  return edges
`)

function script(text: string): RedisScript {
  return { text, sha1: createHash('sha1').update(text).digest('hex') }
}
