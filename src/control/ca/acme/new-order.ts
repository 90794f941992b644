import { namesOf } from '../certificate-names.ts'
import { IssuerError, type OrderRequest } from '../issuer.ts'
import type { AcmeClient } from './acme-client.ts'
import type { AcmeResponse } from './acme-http.ts'
import type { Directory } from './acme-objects.ts'
import { renderCertificateId } from './certificate-id.ts'

export interface NewOrder {
  client: AcmeClient
  request: OrderRequest
  /** The CA's name of the kind of certificate that is wanted; undefined: the CA's default. */
  profile: string | undefined
}

/**
 * Opens an order (RFC 8555 section 7.4). Which certificate it replaces is said where that is wanted
 * (RFC 9773 section 5); where the CA does not take it, the caller decides: a renewal that the CA cannot
 * tell as such is one all the same, but counts for its limits.
 *
 * @throws {IssuerError} `not-replaceable`
 */
export async function postNewOrder(
  { client, request, profile }: NewOrder,
  signal: AbortSignal,
): Promise<AcmeResponse> {
  const directory = await client.getDirectory(signal)
  const replaces = idOf(request)
  if (replaces !== undefined && !directory.renewalInfo) {
    throw new IssuerError('not-replaceable', 'The CA has no renewal information.')
  }
  const payload = {
    identifiers: namesOf(request).map((value) => ({ type: 'dns', value })),
    ...(profile !== undefined && { profile: checkProfile(profile, directory) }),
    ...(replaces !== undefined && { replaces }),
  }
  try {
    return await client.post({ url: directory.newOrder, payload, about: 'ca' }, signal)
  } catch (error) {
    if (replaces === undefined || !isAboutReplaced(error)) throw error
    const { message, problemType } = error
    throw new IssuerError('not-replaceable', message, { problemType, cause: error })
  }
}

function idOf({ replaces }: OrderRequest): string | undefined {
  return replaces && renderCertificateId(replaces.leaf)
}

/**
 * Already replaced; not a certificate of this account, as after a change of accounts; not known (any
 * more), which Boulder calls malformed with 404.
 */
function isAboutReplaced(error: unknown): error is IssuerError {
  const types = ['alreadyReplaced', 'malformed', 'unauthorized']
  return error instanceof IssuerError && types.includes(error.problemType ?? '')
}

/** @throws {IssuerError} `rejected` where the CA has no such profile: the default would be another */
function checkProfile(profile: string, { meta }: Directory): string {
  if (meta.profiles.includes(profile)) return profile
  const offered = meta.profiles.length > 0 ? `it offers ${meta.profiles.join(', ')}` : 'it has none'
  throw new IssuerError('rejected', `The CA has no profile ${JSON.stringify(profile)}: ${offered}.`)
}
