import type { z } from 'zod'

import type { Clock } from '#lib/clock.ts'
import { startDeadline } from '#lib/deadline.ts'

import { ENVELOPE } from './api-schema.ts'
import { CliError } from './cli-error.ts'
import { plain } from './terminal.ts'

export interface ApiClientOptions {
  /** Such as `http://127.0.0.1:8787/client/v4`. */
  url: string
  token: string
  /** Where the token came from, for the hint when it is refused. */
  tokenSource: string
  fetch: typeof fetch
  clock: Clock
}

export interface ApiRequest<Result> {
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** From the slash after `/client/v4` on. */
  path: string
  query?: Record<string, string | undefined>
  body?: unknown
  schema: z.ZodType<Result>
}

export interface ApiAnswer<Result> {
  result: Result
  /** `result` as it was received, for `--json`. */
  raw: unknown
  /** Items over all pages of a list. */
  total: number | undefined
}

const TIMEOUT_MS = 30_000
/** The API's code for a token that it does not know, which comes with status 403. */
const TOKEN_REFUSED = 9109

/** The API, seen by a command. Every failure is a `CliError`. */
export class ApiClient {
  readonly #options: ApiClientOptions

  constructor(options: ApiClientOptions) {
    this.#options = options
  }

  async call<Result>(request: ApiRequest<Result>): Promise<ApiAnswer<Result>> {
    const response = await this.#send(request)
    const envelope = ENVELOPE.safeParse(response.json)
    if (!envelope.success) throw this.#notAnApi(response)
    const { result, errors, result_info } = envelope.data
    if (!response.ok) throw this.#refusal(response.status, errors)
    const parsed = request.schema.safeParse(result)
    if (!parsed.success) throw this.#notAnApi(response)
    return { result: parsed.data, raw: result, total: result_info?.total_count }
  }

  async #send(request: ApiRequest<unknown>): Promise<Answered> {
    const { method = 'GET', body } = request
    const { url, token, clock } = this.#options
    using deadline = startDeadline(TIMEOUT_MS, { clock, reason: new Error('no answer in 30 s') })
    try {
      const response = await this.#options.fetch(`${url}${request.path}${queryOf(request)}`, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          accept: 'application/json',
          ...(body !== undefined && { 'content-type': 'application/json' }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        redirect: 'error',
        signal: deadline.signal,
      })
      const text = await response.text()
      return { ok: response.ok, status: response.status, json: parseJson(text) }
    } catch (cause) {
      throw this.#unreachable(cause)
    }
  }

  #unreachable(cause: unknown): CliError {
    const { origin } = new URL(this.#options.url)
    return new CliError('unreachable', `Cannot reach the API at ${origin}: ${reasonOf(cause)}`, {
      cause,
      hint: `is \`custos serve\` running there? --url says where the API is`,
    })
  }

  #notAnApi({ status }: Answered): CliError {
    const message = `${this.#options.url} does not answer like a Custos API (status ${status})`
    return new CliError('failed', message, { hint: 'does --url, or CUSTOS_CONTROL, lead there?' })
  }

  #refusal(status: number, errors: readonly { code: number; message: string }[]): CliError {
    const reasons = errors.map(({ code, message }) => `${plain(message)} (${code})`).join(' ')
    const message = reasons || `The API answered with status ${status}`
    if (status === 401 || errors.some(({ code }) => code === TOKEN_REFUSED)) {
      const hint = `the token came from ${this.#options.tokenSource}`
      return new CliError('notAllowed', message, { hint })
    }
    if (status === 403) return new CliError('notAllowed', message)
    return new CliError(status === 404 ? 'notFound' : 'failed', message)
  }
}

interface Answered {
  ok: boolean
  status: number
  /** Undefined where the body is not JSON. */
  json: unknown
}

function queryOf({ query = {} }: ApiRequest<unknown>): string {
  const parameters = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) parameters.set(name, value)
  }
  return parameters.size > 0 ? `?${parameters}` : ''
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** fetch hides the reason (ECONNREFUSED and the like) in the cause, at times in a bundle of causes. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return reasonOf(error.errors[0])
  if (error instanceof Error && error.cause !== undefined) return reasonOf(error.cause)
  return error instanceof Error ? plain(error.message) : String(error)
}
