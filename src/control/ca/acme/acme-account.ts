import type { Logger } from '#lib/log.ts'
import type { SecretStore } from '#store/store.ts'

import { IssuerError } from '../issuer.ts'
import {
  bindExternalAccount,
  openAccountKey,
  type AccountKey,
  type ExternalAccount,
} from './account-key.ts'
import type { AcmeResponse } from './acme-http.ts'
import { accountSchema, readObject, type Directory } from './acme-objects.ts'
import { readProblem } from './acme-problem.ts'
import { isGood, type AcmeRequests } from './acme-requests.ts'

export interface AccountOptions {
  directoryUrl: string
  /** The CA's, in sentences. */
  title: string
  secrets: SecretStore
  log: Logger
  /** Told to the CA as contact. */
  email: string | undefined
  externalAccount: ExternalAccount | undefined
  /** Tells accounts at one CA apart; undefined: the one without a label. */
  account: string | undefined
}

export interface Account {
  url: string
  key: AccountKey
}

/**
 * Opens our account at the CA: asks for it first and makes it second, because a binding may be good
 * for one account only. Only the key is kept in the store: the CA finds the account by it (RFC 8555
 * section 7.3.1), so that nothing of ours can disagree with the CA.
 *
 * @throws {IssuerError} `rejected` where there is no account to be had under these settings
 */
export async function openAccount(
  options: AccountOptions & { requests: AcmeRequests },
  signal: AbortSignal,
): Promise<Account> {
  const { secrets, requests, directoryUrl, log } = options
  const directory = await requests.getDirectory(signal)
  const key = await openAccountKey(secrets, secretNameOf(options))
  const send = (payload: object): Promise<AcmeResponse> =>
    requests.post({ url: directory.newAccount, payload, key, kid: undefined }, signal)
  const found = await send({ onlyReturnExisting: true })
  if (isGood(found)) return { url: readAccountUrl(found, options), key }
  const type = readProblem(found)?.type ?? ''
  if (!ACCOUNT_IS_MISSING.has(type)) throw refusal(requests.errorOf(found, 'ca'), options)
  const mustBeBound = type === EAB_REQUIRED || directory.meta.externalAccountRequired
  if (mustBeBound && !options.externalAccount) throw unbound(options)
  const made = await send(describeAccount(options, { directory, key }))
  if (!isGood(made)) throw requests.errorOf(made, 'ca')
  log.info({ ca: directoryUrl }, 'account made at the CA')
  return { url: readAccountUrl(made, options), key }
}

const EAB_REQUIRED = 'externalAccountRequired'
/** Some CAs see a new account in every request that is not bound to an external one. */
const ACCOUNT_IS_MISSING = new Set(['accountDoesNotExist', EAB_REQUIRED])

/** One key for each account at each CA: another label is another account. */
function secretNameOf({ directoryUrl, account }: AccountOptions): string {
  return `acme-account:${directoryUrl}${account === undefined ? '' : `#${account}`}`
}

function describeAccount(
  { email, externalAccount }: AccountOptions,
  { directory, key }: { directory: Directory; key: AccountKey },
): object {
  const { jwk } = key
  const url = directory.newAccount
  return {
    termsOfServiceAgreed: true,
    ...(email !== undefined && { contact: [`mailto:${email}`] }),
    ...(externalAccount && {
      externalAccountBinding: bindExternalAccount(externalAccount, { jwk, url }),
    }),
  }
}

function unbound({ title }: AccountOptions): IssuerError {
  const message = `${title} makes accounts only with external account binding, which is not set up.`
  return new IssuerError('rejected', message, { problemType: EAB_REQUIRED })
}

/** `unauthorized` is what a CA says of an account that it, or somebody with its key, has ended. */
function refusal(error: IssuerError, options: AccountOptions): IssuerError {
  return error.problemType === 'unauthorized' ? endedAccount(options, error.message) : error
}

/** A CA revives none (RFC 8555 section 7.3.6), and only the operator knows whether to begin anew. */
function endedAccount({ title }: AccountOptions, said: string): IssuerError {
  const message =
    `Our account at ${title} is closed for good (${said}). ` +
    'A new one is made when the setting "account" of this CA is given another value.'
  return new IssuerError('rejected', message, { problemType: 'unauthorized' })
}

function readAccountUrl(response: AcmeResponse, options: AccountOptions): string {
  const { status } = readObject(response, { schema: accountSchema, what: 'an account' })
  if (status !== 'valid') throw endedAccount(options, `status ${JSON.stringify(status)}`)
  const url = response.header('location')
  if (url === undefined) throw new IssuerError('unavailable', 'The CA did not name our account.')
  return url
}
