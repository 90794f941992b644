import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance } from 'fastify'
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod'

import { describeErrors } from './error-documentation.ts'

const DESCRIPTION = `SSL for SaaS on your own machines. Compatible with the custom hostnames API of
Cloudflare: its SDKs work against this address as their base URL.

${describeErrors()}`

/** The OpenAPI document, made from the routes' own schemas. Register before the routes. */
export async function registerDocument(app: FastifyInstance): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Custos', description: DESCRIPTION, version: '4.0.0' },
      servers: [{ url: '/' }],
      security: [{ bearer: [] }, { email: [], key: [] }],
      components: {
        securitySchemes: {
          bearer: { type: 'http', scheme: 'bearer' },
          email: { type: 'apiKey', in: 'header', name: 'X-Auth-Email' },
          key: { type: 'apiKey', in: 'header', name: 'X-Auth-Key' },
        },
      },
    },
    transform: jsonSchemaTransform,
    transformObject: (document) => withoutUnused(jsonSchemaTransformObject(document)),
  })
}

type OpenApiDocument = ReturnType<typeof jsonSchemaTransformObject>

/** The transform writes each named schema twice, for input and output: mostly one is referred to. */
function withoutUnused(document: OpenApiDocument): OpenApiDocument {
  const schemas = 'components' in document ? document.components?.schemas : undefined
  const isUsed = (name: string): boolean =>
    JSON.stringify(document).includes(`"#/components/schemas/${name}"`)
  const unused = Object.keys(schemas ?? {}).filter((name) => !isUsed(name))
  if (!schemas || unused.length === 0) return document
  for (const name of unused) delete schemas[name]
  return withoutUnused(document)
}

/** The document at /openapi.json, and as a page at /docs whose assets come from this process. */
export async function documentationRoutes(app: FastifyInstance): Promise<void> {
  app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger())
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: true,
    // Both ask for https where the control listener speaks plain HTTP: the page would stay empty.
    transformStaticCSP: (header) =>
      header
        .replace('upgrade-insecure-requests;', '')
        .replaceAll(' https:', '')
        .replace(' validator.swagger.io', ''),
    uiConfig: { deepLinking: true, persistAuthorization: false },
  })
}
