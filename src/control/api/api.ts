import rateLimit from '@fastify/rate-limit'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'

import { DEFAULT_BODY_LIMIT_BYTES, type ApiDependencies } from './api-dependencies.ts'
import { ApiError } from './api-error.ts'
import type { ApiInstance } from './api-instance.ts'
import { certificatePackRoutes } from './certificate-pack-routes.ts'
import { customCsrRoutes } from './custom-csr-routes.ts'
import { customHostnameRoutes } from './custom-hostname-routes.ts'
import { diagnosisRoutes } from './diagnosis-routes.ts'
import { documentationRoutes, registerDocument } from './documentation.ts'
import { answerClientError, createErrorHandler, pathOf, sendError } from './error-handler.ts'
import { fallbackOriginRoutes } from './fallback-origin-routes.ts'
import { createGuard } from './guard.ts'
import { heldDomainRoutes } from './held-domain-routes.ts'
import { hostnameEventRoutes } from './hostname-event-routes.ts'
import { compileValidator } from './input-error.ts'
import { acceptJsonOnly } from './json-body.ts'
import { operationalRoutes } from './operational-routes.ts'
import { createRouteTable } from './route-table.ts'
import { zoneDetailRoutes } from './zone-detail-routes.ts'
import { zoneRoutes } from './zone-routes.ts'

/** A whole request, head and body, must be here by then: a slow client holds nothing for longer. */
const REQUEST_TIMEOUT_MS = 30_000
const KEEP_ALIVE_MS = 72_000
/** A name of 253 characters and what is too long for one, so that its own error says so. */
const MAX_PARAM_LENGTH = 300

/**
 * The control plane's HTTP face, not yet listening (see `listenApi`): `/client/v4` behind a token;
 * `/healthz`, `/readyz`, `/metrics`, `/openapi.json` and `/docs` without.
 */
export async function createApi(deps: ApiDependencies): Promise<FastifyInstance> {
  const bodyLimitBytes = deps.settings.bodyLimitBytes ?? DEFAULT_BODY_LIMIT_BYTES
  const handleError = createErrorHandler({ log: deps.log, bodyLimitBytes })
  const app = Fastify({
    logger: false,
    bodyLimit: bodyLimitBytes,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    genReqId: () => deps.random.uuid(),
    clientErrorHandler: answerClientError,
    frameworkErrors: handleError,
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
  })
  const routes = createRouteTable(app)
  app.setErrorHandler(handleError)
  app.setNotFoundHandler((request, reply) => sendError(reply, notFound(request, routes.methodsOf)))
  app.setValidatorCompiler(compileValidator)
  // Answers are typed by the same schemas at compile time; checking each again would only cost.
  app.setSerializerCompiler(() => (answer) => JSON.stringify(answer))
  app.addHook('onSend', setCommonHeaders)
  acceptJsonOnly(app)
  await app.register(rateLimit, { global: false })
  await registerDocument(app)
  await app.register((scope) => clientV4(scope, deps), { prefix: '/client/v4' })
  operationalRoutes(app.withTypeProvider<ZodTypeProvider>(), deps)
  await documentationRoutes(app)
  await app.ready()
  return app
}

async function clientV4(scope: FastifyInstance, deps: ApiDependencies): Promise<void> {
  scope.addHook('onRequest', createGuard(scope, deps))
  const app: ApiInstance = scope.withTypeProvider<ZodTypeProvider>()
  zoneRoutes(app, deps)
  zoneDetailRoutes(app, deps)
  fallbackOriginRoutes(app, deps)
  customHostnameRoutes(app, deps)
  heldDomainRoutes(app, deps)
  diagnosisRoutes(app, deps)
  hostnameEventRoutes(app, deps)
  certificatePackRoutes(app, deps)
  customCsrRoutes(app, deps)
}

function notFound(request: FastifyRequest, methodsOf: (path: string) => string[]): ApiError {
  const path = pathOf(request.url)
  const methods = methodsOf(path)
  const isRouted = methods.length > 0 && !methods.includes(request.method)
  if (!isRouted) return new ApiError('route-not-found', { reason: path })
  const reason = `${request.method} not available for that URI`
  return new ApiError('method-not-allowed', { reason, headers: { allow: methods.join(', ') } })
}

async function setCommonHeaders(request: FastifyRequest, reply: FastifyReply): Promise<void> {
  reply.header('x-request-id', request.id)
  reply.header('x-content-type-options', 'nosniff')
  if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'no-store')
}
