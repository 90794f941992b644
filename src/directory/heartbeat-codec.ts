import { ByteReader, ByteWriter } from './bytes.ts'
import type { Heartbeat } from './directory.ts'
import { decodeSightings, encodeSightings } from './sighting-codec.ts'

/** All of a heartbeat but the edge's id, under which it is stored. */
export function encodeHeartbeat({ applied, at, version, sightings }: Heartbeat): Uint8Array {
  const writer = new ByteWriter().shortText(applied).uint53(at).shortText(version)
  if (sightings?.length) writer.raw(encodeSightings(sightings))
  return writer.finish()
}

/**
 * Tolerates that sightings are missing, which older versions did not tell, and what a newer version
 * may have added behind.
 *
 * @throws {DirectoryError} `corrupt`
 */
export function decodeHeartbeat(edgeId: string, bytes: Uint8Array): Heartbeat {
  const reader = new ByteReader(bytes)
  return {
    edgeId,
    applied: reader.shortText(),
    at: reader.uint53(),
    version: reader.shortText(),
    ...(reader.remaining > 0 && { sightings: decodeSightings(reader) }),
  }
}
