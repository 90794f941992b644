import { ByteReader, ByteWriter, corrupt } from './bytes.ts'
import type { TicketKey } from './directory.ts'

const VERSION = 1

/** All ticket keys in one value, in order: `version(1) | count(1) | created at(8), sealed …`. */
export function encodeTicketKeys(keys: readonly TicketKey[]): Uint8Array {
  const writer = new ByteWriter().uint8(VERSION)
  writer.list(keys, ({ createdAt, sealed }) => writer.uint53(createdAt).bytes(sealed))
  return writer.finish()
}

/** @throws {DirectoryError} `corrupt` */
export function decodeTicketKeys(bytes: Uint8Array): TicketKey[] {
  const reader = new ByteReader(bytes)
  const version = reader.uint8()
  if (version !== VERSION) throw corrupt(`unknown version of ticket keys: ${version}`)
  const keys = reader.list(() => ({ createdAt: reader.uint53(), sealed: reader.bytes() }))
  reader.end()
  return keys
}
