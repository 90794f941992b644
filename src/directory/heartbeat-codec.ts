import { ByteReader, ByteWriter } from './bytes.ts'
import type { Heartbeat } from './directory.ts'

/** All of a heartbeat but the edge's id, under which it is stored. */
export function encodeHeartbeat({ applied, at, version }: Heartbeat): Uint8Array {
  return new ByteWriter().shortText(applied).uint53(at).shortText(version).finish()
}

/** Tolerates what a newer version may have added behind. @throws {DirectoryError} `corrupt` */
export function decodeHeartbeat(edgeId: string, bytes: Uint8Array): Heartbeat {
  const reader = new ByteReader(bytes)
  return { edgeId, applied: reader.shortText(), at: reader.uint53(), version: reader.shortText() }
}
