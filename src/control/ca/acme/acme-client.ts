import type { Clock } from '#lib/clock.ts'
import type { Logger } from '#lib/log.ts'
import { SingleFlight } from '#lib/single-flight.ts'
import type { SecretStore } from '#store/store.ts'

import { IssuerError } from '../issuer.ts'
import {
  bindExternalAccount,
  openAccountKey,
  type AccountKey,
  type ExternalAccount,
} from './account-key.ts'
import { createAcmeHttp, type AcmeHttp, type AcmeResponse } from './acme-http.ts'
import { accountSchema, directorySchema, readObject, type Directory } from './acme-objects.ts'
import { issuerErrorOf, readProblem } from './acme-problem.ts'

export interface AcmeClientOptions {
  /** Of the CA; also names the account in the store. */
  directoryUrl: string
  secrets: SecretStore
  clock: Clock
  log: Logger
  /** Told to the CA as contact. */
  email: string | undefined
  externalAccount: ExternalAccount | undefined
  roots: readonly string[]
  timeoutMs: number
}

export interface AcmePost {
  url: string
  /** Undefined: POST-as-GET (RFC 8555 section 6.3). */
  payload?: object
  accept?: string
  /** An unknown order is told apart from an unknown address. @default 'order' */
  about?: 'ca' | 'order'
}

const DAY_MS = 86_400_000
/** Pebble refuses one good nonce in twenty: six in a row do not happen. */
const MAX_NONCE_RETRIES = 5
const MAX_NONCES = 64

interface Account {
  url: string
  key: AccountKey
}

/**
 * Signed requests under our account at one CA. The directory and the account are looked up at the
 * first request, once for all that wait, and after a failure again at the next one: a CA that is away
 * at start is no reason not to start. Only the account's key is kept in the store: the CA finds the
 * account by it (RFC 8555 section 7.3.1), so that nothing of ours can disagree with the CA.
 */
export class AcmeClient {
  readonly #options: AcmeClientOptions
  readonly #http: AcmeHttp
  readonly #closing = new AbortController()
  readonly #directories = new SingleFlight<'directory', Directory>()
  readonly #accounts = new SingleFlight<'account', Account>()
  #directory: { value: Directory; until: number } | undefined
  #account: Account | undefined
  /** The newest last. */
  #nonces: string[] = []

  constructor(options: AcmeClientOptions) {
    this.#options = options
    this.#http = createAcmeHttp(options)
  }

  /** What the edge must answer for a challenge (RFC 8555 section 8.1). */
  async keyAuthorization(token: string, signal: AbortSignal): Promise<string> {
    const { key } = await this.#getAccount(signal)
    return `${token}.${key.thumbprint}`
  }

  /** Opens an order (section 7.4). */
  async postNewOrder(payload: object, signal: AbortSignal): Promise<AcmeResponse> {
    const { newOrder } = await this.#getDirectory(signal)
    return this.post({ url: newOrder, payload, about: 'ca' }, signal)
  }

  /**
   * Sends a request under the account. An account that the CA has lost is made again once.
   *
   * @throws {IssuerError} for every answer that is not 2xx
   */
  async post(request: AcmePost, signal: AbortSignal): Promise<AcmeResponse> {
    const account = await this.#getAccount(signal)
    const response = await this.#postAs(account, request, signal)
    if (isGood(response)) return response
    if (readProblem(response)?.type !== 'accountDoesNotExist')
      throw this.#errorOf(response, request)
    if (this.#account === account) this.#account = undefined
    const second = await this.#postAs(await this.#getAccount(signal), request, signal)
    if (isGood(second)) return second
    throw this.#errorOf(second, request)
  }

  async close(): Promise<void> {
    this.#closing.abort(new DOMException('closing', 'AbortError'))
    await this.#http.close()
  }

  async #getDirectory(signal: AbortSignal): Promise<Directory> {
    const kept = this.#directory
    if (kept && this.#options.clock.now() < kept.until) return kept.value
    const fetching = this.#directories.run('directory', () => this.#fetchDirectory())
    return withSignal(fetching, signal)
  }

  async #fetchDirectory(): Promise<Directory> {
    const { directoryUrl: url, clock } = this.#options
    const response = await this.#http.send({ method: 'GET', url }, this.#closing.signal)
    if (!isGood(response)) throw this.#errorOf(response, { about: 'ca' })
    const value = readObject(response, { schema: directorySchema, what: 'an ACME directory' })
    this.#directory = { value, until: clock.now() + DAY_MS }
    return value
  }

  async #getAccount(signal: AbortSignal): Promise<Account> {
    if (this.#account) return this.#account
    const opening = this.#accounts.run('account', () => this.#openAccount())
    return withSignal(opening, signal)
  }

  /** Asks for an account first and makes one second: a binding may be good for one account only. */
  async #openAccount(): Promise<Account> {
    const { secrets, directoryUrl, log } = this.#options
    const { signal } = this.#closing
    const directory = await this.#getDirectory(signal)
    const key = await openAccountKey(secrets, `acme-account:${directoryUrl}`)
    const send = (payload: object): Promise<AcmeResponse> =>
      this.#postSigned({ url: directory.newAccount, payload, key, kid: undefined }, signal)
    let response = await send({ onlyReturnExisting: true })
    if (readProblem(response)?.type === 'accountDoesNotExist') {
      response = await send(this.#newAccount(directory, key))
      if (isGood(response)) log.info({ ca: directoryUrl }, 'account made at the CA')
    }
    if (!isGood(response)) throw this.#errorOf(response, { about: 'ca' })
    this.#account = { url: readAccountUrl(response), key }
    return this.#account
  }

  #newAccount(directory: Directory, { jwk }: AccountKey): object {
    const { email, externalAccount } = this.#options
    if (!externalAccount && directory.meta?.externalAccountRequired) {
      const message =
        'The CA makes accounts only with external account binding, which is not set up.'
      throw new IssuerError('rejected', message)
    }
    const url = directory.newAccount
    return {
      termsOfServiceAgreed: true,
      ...(email !== undefined && { contact: [`mailto:${email}`] }),
      ...(externalAccount && {
        externalAccountBinding: bindExternalAccount(externalAccount, { jwk, url }),
      }),
    }
  }

  #postAs({ key, url }: Account, request: AcmePost, signal: AbortSignal): Promise<AcmeResponse> {
    return this.#postSigned({ ...request, key, kid: url }, signal)
  }

  /** Signs with a fresh nonce, and again where the CA does not like it (section 6.5). */
  async #postSigned(
    { url, payload, accept, key, kid }: AcmePost & { key: AccountKey; kid: string | undefined },
    signal: AbortSignal,
  ): Promise<AcmeResponse> {
    for (let retries = 0; ; retries++) {
      const nonce = this.#nonces.pop() ?? (await this.#fetchNonce(signal))
      const body = key.signRequest(payload, { url, nonce, kid })
      const request = { method: 'POST' as const, url, body, ...(accept && { accept }) }
      const response = await this.#http.send(request, signal)
      const isRefused = readProblem(response)?.type === 'badNonce'
      // Where one is stale, those before it are too: a CA forgets all at once when it restarts.
      if (isRefused) this.#nonces = []
      this.#keepNonce(response)
      if (!isRefused || retries === MAX_NONCE_RETRIES) return response
    }
  }

  async #fetchNonce(signal: AbortSignal): Promise<string> {
    const { newNonce } = await this.#getDirectory(signal)
    const response = await this.#http.send({ method: 'HEAD', url: newNonce }, signal)
    const nonce = readNonce(response)
    if (isGood(response) && nonce !== undefined) return nonce
    if (!isGood(response)) throw this.#errorOf(response, { about: 'ca' })
    throw new IssuerError('unavailable', 'The CA gave no nonce.')
  }

  #keepNonce(response: AcmeResponse): void {
    const nonce = readNonce(response)
    if (nonce !== undefined && this.#nonces.length < MAX_NONCES) this.#nonces.push(nonce)
  }

  #errorOf(response: AcmeResponse, { about = 'order' }: Pick<AcmePost, 'about'>): IssuerError {
    return issuerErrorOf(response, { about, now: this.#options.clock.now() })
  }
}

function isGood({ status }: AcmeResponse): boolean {
  return status >= 200 && status < 300
}

/** RFC 8555 section 6.5.1: other characters make it invalid. */
function readNonce(response: AcmeResponse): string | undefined {
  const nonce = response.header('replay-nonce')
  return nonce !== undefined && /^[A-Za-z0-9_-]{1,512}$/.test(nonce) ? nonce : undefined
}

function readAccountUrl(response: AcmeResponse): string {
  const { status } = readObject(response, { schema: accountSchema, what: 'an account' })
  if (status !== 'valid') {
    throw new IssuerError('rejected', `Our account at the CA is ${JSON.stringify(status)}.`)
  }
  const url = response.header('location')
  if (url === undefined) throw new IssuerError('unavailable', 'The CA did not name our account.')
  return url
}

/** Stops waiting for what others wait for too. */
async function withSignal<Value>(shared: Promise<Value>, signal: AbortSignal): Promise<Value> {
  const aborted = Promise.withResolvers<never>()
  const abort = (): void => aborted.reject(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  if (signal.aborted) abort()
  try {
    return await Promise.race([aborted.promise, shared])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
