import { z } from 'zod'

import type { ApiDependencies } from './api-dependencies.ts'
import type { ApiInstance } from './api-instance.ts'

const TAGS = ['Operation']
const READINESS = z.object({ ready: z.boolean(), reasons: z.array(z.string()) })
/** The Prometheus text format. */
const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** For supervisors and Prometheus. Open to all who reach the listener: they say nothing secret. */
export function operationalRoutes(app: ApiInstance, deps: ApiDependencies): void {
  const health = {
    operationId: 'getHealth',
    summary: 'Whether the process runs',
    tags: TAGS,
    security: [],
    response: { 200: z.object({ status: z.literal('ok') }) },
  }
  app.get('/healthz', { schema: health }, () => ({ status: 'ok' as const }))

  const ready = {
    operationId: 'getReadiness',
    summary: 'Whether it can do its work, and if not, why',
    tags: TAGS,
    security: [],
    response: { 200: READINESS, 503: READINESS },
  }
  app.get('/readyz', { schema: ready }, async (_request, reply) => {
    const { ready: isReady, reasons } = await deps.readiness()
    return reply.code(isReady ? 200 : 503).send({ ready: isReady, reasons: [...reasons] })
  })

  const metrics = {
    operationId: 'getMetrics',
    summary: 'Everything measured, in the Prometheus text format',
    tags: TAGS,
    security: [],
    response: { 200: { content: { 'text/plain': { schema: z.string() } } } },
  }
  app.get('/metrics', { schema: metrics }, async (_request, reply) => {
    const text = await deps.metrics()
    return reply.header('content-type', METRICS_TYPE).serializer(String).send(text)
  })
}
