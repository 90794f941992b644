import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { startApi, ZONE_ID, type ApiServer, type RawAnswer } from '#test/api-server.ts'
import { openOwnCa, type OwnCa } from '#test/own-certificates.ts'

/** What the SDKs hide: the status of each answer, and the envelope around it (spec sections 0 and 1.2). */
let ca: OwnCa
let api: ApiServer
beforeAll(async () => {
  ca = await openOwnCa()
  api = await startApi({ roots: [ca.root.cert] })
})
afterAll(async () => {
  await api[Symbol.asyncDispose]()
  await ca[Symbol.asyncDispose]()
})

const ZONE = `/client/v4/zones/${ZONE_ID}`
const HOSTNAMES = `${ZONE}/custom_hostnames`
const ACCOUNT = '/client/v4/accounts/00000000000000000000000000000001'
const SSL = { method: 'http', type: 'dv' }
const ID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

let counted = 0
const aName = (): string => `wire${++counted}.tenant.com`

function send(method: string, path: string, body?: unknown): Promise<RawAnswer> {
  return api.fetch(path, { method, ...(body !== undefined && { body }) })
}

async function createHostname(rest: object = { ssl: SSL }): Promise<string> {
  const { json } = await send('POST', HOSTNAMES, { hostname: aName(), ...rest })
  return json.result.id
}

/** The answer is what the specification's envelope is for success. @returns its result */
function expectSuccess(answer: RawAnswer, status: number): unknown {
  expect(answer.status).toBe(status)
  expect(answer.headers.get('content-type')).toMatch(/^application\/json/)
  expect(answer.json).toMatchObject({ success: true, errors: [], messages: [] })
  return answer.json.result
}

describe('a custom hostname', () => {
  it('is created with 201, read with 200, edited with 202, deleted with 200', async () => {
    const created = expectSuccess(await send('POST', HOSTNAMES, { hostname: aName() }), 201)
    expect(created).toMatchObject({ id: expect.stringMatching(ID), status: 'pending' })
    const id = await createHostname()
    const path = `${HOSTNAMES}/${id}`
    expect(expectSuccess(await send('GET', path), 200)).toMatchObject({ id })
    expect(expectSuccess(await send('PATCH', path, {}), 202)).toMatchObject({ id })
    const removed = await send('DELETE', path)
    expect(expectSuccess(removed, 200)).toEqual({ id })
    // Not enveloped too: this is what the SDKs read.
    expect(Object.keys(removed.json).toSorted()).toEqual(
      ['id', 'success', 'errors', 'messages', 'result'].toSorted(),
    )
    expect(removed.json.id).toBe(id)
  })

  it('is listed with result_info, whose members are numbers', async () => {
    await createHostname()
    const answer = await send('GET', `${HOSTNAMES}?per_page=5`)
    expect(expectSuccess(answer, 200)).toEqual(expect.any(Array))
    expect(answer.json.result_info).toEqual({
      page: 1,
      per_page: 5,
      count: expect.any(Number),
      total_count: expect.any(Number),
      total_pages: expect.any(Number),
    })
  })

  it('that is not there is told in the envelope of failure', async () => {
    const { status, json } = await send('GET', `${HOSTNAMES}/3f1c4a52-1b7e-4a51-9a53-0d6a2f0f0f0f`)
    expect(status).toBe(404)
    expect(json).toEqual({
      success: false,
      errors: [{ code: 1436, message: 'The custom hostname was not found.' }],
      messages: [],
      result: null,
    })
  })
})

describe('what belongs to a zone', () => {
  it('is not taken for a hostname: fallback_origin and quota', async () => {
    const path = `${HOSTNAMES}/fallback_origin`
    const shown = {
      origin: expect.any(String),
      status: expect.any(String),
      errors: [],
      created_at: expect.stringMatching(/Z$/),
      updated_at: expect.stringMatching(/Z$/),
    }
    expect(expectSuccess(await send('PUT', path, { origin: 'o.saas.com' }), 200)).toEqual(shown)
    expect(expectSuccess(await send('GET', path), 200)).toEqual(shown)
    expect(expectSuccess(await send('DELETE', path), 200)).toMatchObject({
      status: 'pending_deletion',
    })
    expect(expectSuccess(await send('GET', `${HOSTNAMES}/quota`), 200)).toEqual({
      allocated: expect.any(Number),
      used: expect.any(Number),
      exceeded: false,
      hard_cap: expect.any(Number),
    })
    const uuid = expectSuccess(await send('GET', `${ZONE}/dcv_delegation/uuid`), 200)
    expect(uuid).toEqual({ uuid: expect.stringMatching(/^[0-9a-f]{16}$/) })
  })
})

describe('one certificate of a pack', () => {
  it('is replaced and deleted with 202', async () => {
    const hostname = aName()
    const pairs = [await ca.pair('ecdsa', [hostname]), await ca.pair('rsa', [hostname])]
    const created = await send('POST', HOSTNAMES, { hostname, ssl: { custom_cert_bundle: pairs } })
    const { id, ssl } = created.json.result
    const [ecdsa, rsa] = ssl.certificates
    const pack = `${HOSTNAMES}/${id}/certificate_pack/${ssl.id}/certificates`
    const next = await ca.pair('rsa', [hostname])
    expect(expectSuccess(await send('PUT', `${pack}/${rsa.id}`, next), 202)).toMatchObject({ id })
    const removed = await send('DELETE', `${pack}/${ecdsa.id}`)
    expect(expectSuccess(removed, 202)).toEqual({ id: ecdsa.id })
    expect(removed.json.id).toBe(ecdsa.id)
  })
})

describe.each([ZONE, ACCOUNT])('a custom CSR of %s', (owner) => {
  it('is created with 201, read, listed and deleted with 200', async () => {
    const path = `${owner}/custom_csrs`
    const common_name = aName()
    const subject = { country: 'DE', state: 'Hessen', locality: 'Frankfurt', organization: 'SaaS' }
    const body = { ...subject, common_name, sans: [common_name], key_type: 'p256v1' }
    const created = expectSuccess(await send('POST', path, body), 201)
    const { id } = created as { id: string }
    expect(id).toMatch(ID)
    expect(expectSuccess(await send('GET', `${path}/${id}`), 200)).toEqual(created)
    for (const order of ['name', 'account_tag', 'created_at']) {
      for (const direction of ['asc', 'desc']) {
        const listed = await send('GET', `${path}?order=${order}&direction=${direction}`)
        expect(expectSuccess(listed, 200)).toEqual([created])
        expect(listed.json.result_info).toMatchObject({ page: 1, per_page: 50, count: 1 })
      }
    }
    expect(expectSuccess(await send('DELETE', `${path}/${id}`), 200)).toEqual({ id })
  })
})
