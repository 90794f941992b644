import { corrupt } from './bytes.ts'

/** Replies of Redis as they come (buffers), checked as they are taken apart. A nil is undefined. */

export function bytesReply(reply: unknown): Buffer | undefined {
  if (reply === null || reply === undefined) return undefined
  if (Buffer.isBuffer(reply)) return reply
  throw corrupt(`Redis replied a ${typeof reply} for bytes`)
}

export function textReply(reply: unknown): string | undefined {
  return bytesReply(reply)?.toString()
}

export function numberReply(reply: unknown): number {
  if (typeof reply === 'number') return reply
  throw corrupt(`Redis replied a ${typeof reply} for a number`)
}

export function listReply(reply: unknown): readonly unknown[] {
  if (reply === null || reply === undefined) return []
  if (Array.isArray(reply)) return reply
  throw corrupt(`Redis replied a ${typeof reply} for a list`)
}
