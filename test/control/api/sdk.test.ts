import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { startApi, ZONE_ID, type ApiServer } from '#test/api-server.ts'

/** The official SDK against the API: what existing integrations do. */
let api: ApiServer
beforeAll(async () => {
  api = await startApi()
})
afterAll(async () => {
  await api[Symbol.asyncDispose]()
})

const SSL = { method: 'http', type: 'dv' } as const
const zone = { zone_id: ZONE_ID }

describe('create', () => {
  it('returns the ownership records and the validation records at once', async () => {
    const created = await api.client.customHostnames.create({
      ...zone,
      hostname: 'App.Customer-A.com.',
      ssl: { ...SSL, settings: { min_tls_version: '1.2', http2: 'on' }, wildcard: false },
    })

    expect(created).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      hostname: 'app.customer-a.com',
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,6}Z$/),
      status: 'pending',
      ownership_verification: {
        type: 'txt',
        name: '_cf-custom-hostname.app.customer-a.com',
        value: expect.stringMatching(/^[0-9a-f-]{36}$/),
      },
      ownership_verification_http: {
        http_url: `http://app.customer-a.com/.well-known/cf-custom-hostname-challenge/${created.id}`,
        http_body: created.ownership_verification?.value,
      },
      ssl: {
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        type: 'dv',
        method: 'http',
        status: 'pending_validation',
        bundle_method: 'ubiquitous',
        wildcard: false,
        settings: { min_tls_version: '1.2', http2: 'on' },
        validation_records: [
          {
            status: 'pending',
            http_url: 'http://app.customer-a.com/.well-known/acme-challenge/token',
            http_body: 'token.thumbprint',
          },
        ],
        http_url: 'http://app.customer-a.com/.well-known/acme-challenge/token',
        http_body: 'token.thumbprint',
      },
    })
    expect(api.begun).toContain(created.id)
  })
})
