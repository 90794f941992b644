import type { CustomHostname } from '#domain/custom-hostname.ts'
import { StoreError, type HostnameChange, type Store } from '#store/store.ts'

import { ApiError } from './api-error.ts'
import { csrGone } from './custom-certificate-input.ts'

/**
 * Changes a hostname that was there a moment ago.
 *
 * @param by name of the token that asked for it
 * @throws {ApiError} where it cannot be changed so
 */
export async function applyChange(
  store: Store,
  id: string,
  { change, by }: { change: HostnameChange; by: string },
): Promise<CustomHostname> {
  try {
    const changed = await store.hostnames.update(id, change, { by })
    if (changed) return changed
  } catch (error) {
    if (!(error instanceof StoreError)) throw error
    // A `deleted` hostname is revived, but the zone has a new one of that name.
    if (error.kind === 'duplicate') throw new ApiError('hostname-duplicate')
    throw error.kind === 'no-such-csr' ? csrGone(error) : error
  }
  throw new ApiError('hostname-not-found')
}
