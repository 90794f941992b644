import { normaliseServerName } from '#domain/hostname.ts'

import { ByteWriter, corrupt, type ByteReader } from './bytes.ts'
import { SIGHTING_KINDS, type Sighting } from './sighting.ts'

/**
 * `count(1)`, then for each: sequence(8), at(8), kind(1), name, hostname's id, detail. All kinds have
 * this form; what a newer version may add goes behind them all.
 */
export function encodeSightings(sightings: readonly Sighting[]): Uint8Array {
  const writer = new ByteWriter()
  writer.list(sightings, ({ sequence, at, kind, name, hostnameId, detail }) =>
    writer
      .uint53(sequence)
      .uint53(at)
      .uint8(SIGHTING_KINDS.indexOf(kind))
      .shortText(name)
      .shortText(hostnameId ?? '')
      .shortText(detail),
  )
  return writer.finish()
}

/**
 * Passes over kinds that only a newer version knows. Costs about 1 µs each: heartbeats are read many
 * times a second.
 *
 * @throws {DirectoryError} `corrupt`
 */
export function decodeSightings(reader: ByteReader): Sighting[] {
  return reader.list(() => decodeSighting(reader)).filter((sighting) => sighting !== undefined)
}

function decodeSighting(reader: ByteReader): Sighting | undefined {
  const [sequence, at] = [reader.uint53(), reader.uint53()]
  const kind = SIGHTING_KINDS[reader.uint8()]
  const name = normaliseServerName(reader.shortText())
  const [hostnameId, detail] = [reader.shortText(), reader.shortText()]
  if (name === undefined) throw corrupt('a sighting of something that is no name')
  if (!kind) return undefined
  return { sequence, kind, ...(hostnameId !== '' && { hostnameId }), name, at, detail }
}
