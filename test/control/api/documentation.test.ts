import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { startApi, type ApiServer } from '#test/api-server.ts'

/** The OpenAPI document, held against the OpenAPI 3.1 rules that matter and against the routes. */
interface Operation {
  operationId?: string
  summary?: string
  parameters?: { name: string; in: string; required?: boolean }[]
  requestBody?: { content: Record<string, { schema: object }> }
  responses: Record<string, { description: string }>
}

interface Document {
  openapi: string
  info: { title: string; version: string; description: string }
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, object>; securitySchemes: Record<string, object> }
}

let api: ApiServer
let document: Document
beforeAll(async () => {
  api = await startApi()
  document = (await api.fetch('/openapi.json')).json
})
afterAll(async () => {
  await api[Symbol.asyncDispose]()
})

function operations(): (Operation & { path: string; method: string })[] {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ ...operation, path, method })),
  )
}

describe('the OpenAPI document', () => {
  it('has every route, and no other', () => {
    const shown = operations().map(({ method, path }) => `${method.toUpperCase()} ${path}`)
    const zone = '/client/v4/zones/{zone_id}'
    const hostname = `${zone}/custom_hostnames/{custom_hostname_id}`
    const certificate = 'certificate_pack/{certificate_pack_id}/certificates/{certificate_id}'
    expect(shown.toSorted()).toEqual(
      [
        'GET /healthz',
        'GET /readyz',
        'GET /metrics',
        'GET /client/v4/zones',
        'POST /client/v4/zones',
        ...['GET', 'PATCH', 'DELETE'].map((method) => `${method} ${zone}`),
        ...['GET', 'PATCH'].map((method) => `${method} ${zone}/settings/always_use_https`),
        `GET ${zone}/dcv_delegation/uuid`,
        ...['GET', 'POST'].map((method) => `${method} ${zone}/custom_hostnames`),
        `GET ${zone}/custom_hostnames/quota`,
        ...['GET', 'PUT', 'DELETE'].map(
          (each) => `${each} ${zone}/custom_hostnames/fallback_origin`,
        ),
        ...['GET', 'PATCH', 'DELETE'].map((method) => `${method} ${hostname}`),
        'GET /client/v4/held_domains',
        ...['GET', 'PUT', 'DELETE'].map((each) => `${each} /client/v4/held_domains/{domain}`),
        `GET ${hostname}/diagnosis`,
        `GET ${hostname}/events`,
        ...['PUT', 'DELETE'].map((method) => `${method} ${hostname}/${certificate}`),
        ...[zone, '/client/v4/accounts/{account_id}'].flatMap((owner) => [
          ...['GET', 'POST'].map((method) => `${method} ${owner}/custom_csrs`),
          ...['GET', 'DELETE'].map((method) => `${method} ${owner}/custom_csrs/{custom_csr_id}`),
        ]),
      ].toSorted(),
    )
    for (const { method, path } of operations()) {
      const url = path.replace(/\{(\w+)\}/g, ':$1')
      expect(api.app.hasRoute({ method: method.toUpperCase(), url })).toBe(true)
    }
  })

  it('tells the errors', () => {
    expect(document.info.description).toContain(
      '| 404 | 1436 | The custom hostname was not found. |',
    )
  })

  it('names each operation, once', () => {
    const ids = operations().map(({ operationId }) => operationId)
    expect(ids).not.toContain(undefined)
    expect(new Set(ids).size).toBe(ids.length)
    expect(operations().filter(({ summary }) => !summary)).toEqual([])
  })

  it('declares each parameter of each path, and says what is answered', () => {
    expect(document.openapi).toBe('3.1.0')
    for (const { path, parameters = [], responses } of operations()) {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1])
      const declared = parameters.filter((each) => each.in === 'path')
      expect(declared.map(({ name }) => name).toSorted()).toEqual(inPath.toSorted())
      expect(declared.every(({ required }) => required)).toBe(true)
      expect(Object.keys(responses)).toContainEqual(expect.stringMatching(/^2\d\d$/))
    }
  })

  it('describes each body', () => {
    const withBody = operations().filter(({ method }) => ['post', 'put', 'patch'].includes(method))
    expect(withBody).toHaveLength(10)
    for (const { requestBody } of withBody) {
      expect(requestBody?.content['application/json']?.schema).toBeDefined()
    }
  })

  it('refers only to schemas that it has, and has none that nothing refers to', () => {
    const text = JSON.stringify(document)
    const referred = [...text.matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)]
    const names = new Set(referred.map((match) => match[1]))
    expect([...names].toSorted()).toEqual(Object.keys(document.components.schemas).toSorted())
    expect([...text.matchAll(/"\$ref":/g)]).toHaveLength(referred.length)
  })

  it('lists all filters of the list of hostnames', () => {
    const list = operations().find(({ operationId }) => operationId === 'listCustomHostnames')
    const names = (list?.parameters ?? []).filter((each) => each.in === 'query')
    expect(names.map(({ name }) => name)).toEqual([
      'page',
      'per_page',
      'hostname',
      'hostname.exact',
      'hostname.startsWith',
      'hostname.contain',
      'id',
      'order',
      'direction',
      'ssl',
      'ssl_status',
      'hostname_status',
      'certificate_authority',
      'wildcard',
      'custom_origin_server',
    ])
  })
})

describe('the page', () => {
  it('is served with all its assets from here', async () => {
    const { status, text, headers } = await api.fetch('/docs/')
    expect(status).toBe(200)
    expect(text).not.toMatch(/(src|href)="(https?:)?\/\//)
    expect(headers.get('content-security-policy')).not.toContain('http')
    const assets = [...text.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1] ?? '')
    expect(assets.length).toBeGreaterThan(3)
    for (const asset of assets) {
      const { pathname } = new URL(asset, `${api.url}/docs/`)
      expect((await api.fetch(pathname)).status).toBe(200)
    }
  })

  it('shows the same document', async () => {
    expect((await api.fetch('/docs/json')).json).toEqual(document)
  })
})
