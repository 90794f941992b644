import type { Clock } from '#lib/clock.ts'

import { IssuerError } from '../issuer.ts'
import type { AccountKey } from './account-key.ts'
import type { AcmeHttp, AcmeResponse } from './acme-http.ts'
import { directorySchema, readObject, type Directory } from './acme-objects.ts'
import { issuerErrorOf, readProblem, type Circumstances } from './acme-problem.ts'
import { shareWork } from './shared-work.ts'

export interface AcmeRequestsOptions {
  directoryUrl: string
  http: AcmeHttp
  clock: Clock
  /** Aborts when the client closes: what is fetched for all who wait ends with it. */
  closing: AbortSignal
}

export interface SignedRequest {
  url: string
  /** Undefined: POST-as-GET (RFC 8555 section 6.3). */
  payload?: object
  accept?: string
  key: AccountKey
  /** The account's URL; undefined: the key itself is sent. */
  kid: string | undefined
}

const DAY_MS = 86_400_000
/** Pebble refuses one good nonce in twenty: six in a row do not happen. */
const MAX_NONCE_RETRIES = 5
const MAX_NONCES = 64

/**
 * Requests to one CA: its directory, fetched at the first need and daily, and signed requests with
 * fresh nonces, sent again where the CA does not like a nonce.
 */
export class AcmeRequests {
  readonly #options: AcmeRequestsOptions
  readonly #fetchDirectory: (signal: AbortSignal) => Promise<Directory>
  #directory: { value: Directory; until: number } | undefined
  /** The newest last. */
  #nonces: string[] = []

  constructor(options: AcmeRequestsOptions) {
    this.#options = options
    this.#fetchDirectory = shareWork(() => this.#loadDirectory())
  }

  /** As it was last seen; undefined before the CA was asked. */
  get knownDirectory(): Directory | undefined {
    return this.#directory?.value
  }

  async getDirectory(signal: AbortSignal): Promise<Directory> {
    const kept = this.#directory
    if (kept && this.#options.clock.now() < kept.until) return kept.value
    return this.#fetchDirectory(signal)
  }

  /** Resolves with any answer, whatever its status. */
  get(url: string, signal: AbortSignal): Promise<AcmeResponse> {
    return this.#options.http.send({ method: 'GET', url }, signal)
  }

  /** Signs with a fresh nonce, and again where the CA does not like it (section 6.5). */
  async post(request: SignedRequest, signal: AbortSignal): Promise<AcmeResponse> {
    let response = await this.#postOnce(request, signal)
    for (let retries = 0; retries < MAX_NONCE_RETRIES && isBadNonce(response); retries++) {
      // Where two in a row are stale, all are: a CA forgets them at once when it restarts.
      if (retries > 0) this.#nonces = []
      response = await this.#postOnce(request, signal, readNonce(response))
    }
    this.#keepNonce(response)
    return response
  }

  /** What an answer that is not a good one means. */
  errorOf(response: AcmeResponse, about: Circumstances['about']): IssuerError {
    return issuerErrorOf(response, { about, now: this.#options.clock.now() })
  }

  /** @param given the nonce that came with a refusal, which is the one to try next (section 6.5) */
  async #postOnce(
    { url, payload, accept, key, kid }: SignedRequest,
    signal: AbortSignal,
    given?: string,
  ): Promise<AcmeResponse> {
    const nonce = given ?? this.#nonces.pop() ?? (await this.#fetchNonce(signal))
    const body = key.signRequest(payload, { url, nonce, kid })
    const sent = { method: 'POST' as const, url, body, ...(accept && { accept }) }
    return this.#options.http.send(sent, signal)
  }

  async #loadDirectory(): Promise<Directory> {
    const { directoryUrl, closing, clock } = this.#options
    const response = await this.get(directoryUrl, closing)
    if (!isGood(response)) throw this.errorOf(response, 'ca')
    const value = readObject(response, { schema: directorySchema, what: 'an ACME directory' })
    this.#directory = { value, until: clock.now() + DAY_MS }
    return value
  }

  async #fetchNonce(signal: AbortSignal): Promise<string> {
    const { newNonce } = await this.getDirectory(signal)
    const response = await this.#options.http.send({ method: 'HEAD', url: newNonce }, signal)
    if (!isGood(response)) throw this.errorOf(response, 'ca')
    const nonce = readNonce(response)
    if (nonce !== undefined) return nonce
    throw new IssuerError('unavailable', 'The CA gave no nonce.')
  }

  #keepNonce(response: AcmeResponse): void {
    const nonce = readNonce(response)
    if (nonce !== undefined && this.#nonces.length < MAX_NONCES) this.#nonces.push(nonce)
  }
}

export function isGood({ status }: AcmeResponse): boolean {
  return status >= 200 && status < 300
}

function isBadNonce(response: AcmeResponse): boolean {
  return readProblem(response)?.type === 'badNonce'
}

/** RFC 8555 section 6.5.1: other characters make it invalid. */
function readNonce(response: AcmeResponse): string | undefined {
  const nonce = response.header('replay-nonce')
  return nonce !== undefined && /^[A-Za-z0-9_-]{1,512}$/.test(nonce) ? nonce : undefined
}
