import type { FastifyInstance, FastifyRequest } from 'fastify'

import { ApiError } from './api-error.ts'

/**
 * Deeper than any honest body. What walks a value by recursion (validation, rendering) relies on it:
 * 256 KiB of `[` would otherwise overflow the stack.
 */
export const MAX_JSON_DEPTH = 64

/** Takes JSON bodies only, and none deeper than `MAX_JSON_DEPTH`. An empty one counts as none. */
export function acceptJsonOnly(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  const parse = app.getDefaultJsonParser('error', 'error')
  app.addContentTypeParser<string>(
    'application/json',
    { parseAs: 'string' },
    (request, body, done) => {
      if (body === '') return done(null, undefined)
      return parse(request, body, done)
    },
  )
  app.addHook('preValidation', async (request: FastifyRequest) => {
    if (depthExceeds(request.body, MAX_JSON_DEPTH)) {
      const reason = `it is nested deeper than ${MAX_JSON_DEPTH} levels`
      throw new ApiError('body-invalid', { reason })
    }
  })
}

/** Level by level, so that its own stack stays flat. */
function depthExceeds(value: unknown, limit: number): boolean {
  let level = [value]
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > limit) return true
    level = level.flatMap((each) =>
      typeof each === 'object' && each !== null ? Object.values(each) : [],
    )
  }
  return false
}
