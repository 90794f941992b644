import type { Clock } from '#lib/clock.ts'

import { openAccount, type Account, type AccountOptions } from './acme-account.ts'
import { createAcmeHttp, type AcmeHttp, type AcmeResponse } from './acme-http.ts'
import type { Directory } from './acme-objects.ts'
import { readProblem, type Circumstances } from './acme-problem.ts'
import { AcmeRequests, isGood } from './acme-requests.ts'
import { shareWork } from './shared-work.ts'

export interface AcmeClientOptions extends AccountOptions {
  clock: Clock
  roots: readonly string[]
  timeoutMs: number
}

export interface AcmePost {
  url: string
  /** Undefined: POST-as-GET (RFC 8555 section 6.3). */
  payload?: object
  accept?: string
  /** @default 'order' */
  about?: Circumstances['about']
}

/**
 * Requests under our account at one CA. The directory and the account are looked up at the first
 * request, once for all that wait, and after a failure again at the next one: a CA that is away at
 * start is no reason not to start.
 */
export class AcmeClient {
  readonly #http: AcmeHttp
  readonly #closing = new AbortController()
  readonly #requests: AcmeRequests
  readonly #openAccount: (signal: AbortSignal) => Promise<Account>
  #account: Account | undefined

  constructor(options: AcmeClientOptions) {
    const closing = this.#closing.signal
    this.#http = createAcmeHttp(options)
    this.#requests = new AcmeRequests({ ...options, http: this.#http, closing })
    this.#openAccount = shareWork(async () => {
      this.#account = await openAccount({ ...options, requests: this.#requests }, closing)
      return this.#account
    })
  }

  /** As it was last seen; undefined before the CA was asked. */
  get knownDirectory(): Directory | undefined {
    return this.#requests.knownDirectory
  }

  getDirectory(signal: AbortSignal): Promise<Directory> {
    return this.#requests.getDirectory(signal)
  }

  /** The second half of every key authorization (RFC 8555 section 8.1). */
  async getThumbprint(signal: AbortSignal): Promise<string> {
    const { key } = await this.#getAccount(signal)
    return key.thumbprint
  }

  /** Our account's address at the CA. */
  async getAccountUrl(signal: AbortSignal): Promise<string> {
    return (await this.#getAccount(signal)).url
  }

  /**
   * An unsigned request, for what anybody may see.
   *
   * @throws {IssuerError} for every answer that is not 2xx
   */
  async get(
    { url, about }: { url: string; about: Circumstances['about'] },
    signal: AbortSignal,
  ): Promise<AcmeResponse> {
    const response = await this.#requests.get(url, signal)
    if (isGood(response)) return response
    throw this.#requests.errorOf(response, about)
  }

  /**
   * Sends a request under the account. An account that the CA has lost is made again once, and where
   * it has ended, that is what is told.
   *
   * @throws {IssuerError} for every answer that is not 2xx
   */
  async post(request: AcmePost, signal: AbortSignal): Promise<AcmeResponse> {
    const account = await this.#getAccount(signal)
    const response = await this.#postAs(account, request, signal)
    if (isGood(response)) return response
    const type = readProblem(response)?.type
    if (type !== 'accountDoesNotExist' && type !== 'unauthorized') {
      throw this.#errorOf(response, request)
    }
    if (this.#account === account) this.#account = undefined
    const opened = await this.#getAccount(signal)
    if (type === 'unauthorized') throw this.#errorOf(response, request)
    const second = await this.#postAs(opened, request, signal)
    if (isGood(second)) return second
    throw this.#errorOf(second, request)
  }

  async close(): Promise<void> {
    this.#closing.abort(new DOMException('closing', 'AbortError'))
    await this.#http.close()
  }

  async #getAccount(signal: AbortSignal): Promise<Account> {
    return this.#account ?? this.#openAccount(signal)
  }

  #postAs({ key, url }: Account, request: AcmePost, signal: AbortSignal): Promise<AcmeResponse> {
    return this.#requests.post({ ...request, key, kid: url }, signal)
  }

  #errorOf(response: AcmeResponse, { about = 'order' }: AcmePost): Error {
    return this.#requests.errorOf(response, about)
  }
}
