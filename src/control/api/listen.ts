import type { AddressInfo } from 'node:net'

import type { FastifyInstance } from 'fastify'

import type { ListenAddress } from '#lib/listen-address.ts'
import { toListenError } from '#lib/listen-error.ts'

/**
 * @returns the address it listens on: with port 0, the one that was chosen
 * @throws {ListenError}
 */
export async function listenApi(
  app: FastifyInstance,
  address: ListenAddress,
): Promise<ListenAddress> {
  const { host, port } = address
  try {
    await app.listen({ host, port })
  } catch (error) {
    throw toListenError(error, address)
  }
  const bound = app.server.address()
  return isTcp(bound) ? { host: bound.address, port: bound.port } : address
}

function isTcp(bound: AddressInfo | string | null): bound is AddressInfo {
  return typeof bound === 'object' && bound !== null
}
