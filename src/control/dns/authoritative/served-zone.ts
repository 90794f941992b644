import type { NameServer } from '#domain/name-server.ts'

import { TYPE } from '../wire.ts'
import { encodeBody, type OwnedRecord } from './response.ts'
import { encodeLabels } from './wire-name.ts'

/** For what only a change of settings changes. */
const FIXED_TTL_S = 300
/**
 * How long resolvers may keep a TXT record, or that there is none (RFC 2308 section 5): not beyond the
 * question (RFC 1035 section 3.2.1). The second order of a pack follows the first at once, and its
 * values must not be hidden by those that the CA's resolver has just seen, nor by who asked too early.
 */
export const UNKEPT_TTL_S = 0

export interface ServedZoneOptions {
  /** In normal form. */
  name: string
  nameServers: readonly NameServer[]
}

/** Names that are there whatever the store says. */
export interface FixedName {
  /** Bodies by type; empty for a name that is there only because of a name below it. */
  records: ReadonlyMap<number, readonly Buffer[]>
  /** What goes along with its NS records. */
  glue: readonly OwnedRecord[]
}

/** The fixed part of the one zone that is served. */
export interface ServedZone {
  /** Of the zone's name on the wire. */
  readonly bytes: number
  /** Stands in the authority section of every answer that denies something. */
  readonly denial: OwnedRecord
  /** The labels left of the zone's name; undefined for a name outside of it. */
  relativeLabels(labels: readonly string[]): readonly string[] | undefined
  findFixed(relative: readonly string[]): FixedName | undefined
}

export function createServedZone({ name, nameServers }: ServedZoneOptions): ServedZone {
  const zoneLabels = name.split('.')
  const soa = soaOf(name, nameServers)
  const inZone = nameServers.flatMap((server) => {
    const relative = relativeLabels(server.name.split('.'), zoneLabels)
    return relative ? [{ relative, bodies: addressBodies(server) }] : []
  })
  const names = new Map<string, FixedName>()
  for (const { relative, bodies } of inZone) addWithParents(names, relative, bodies)
  names.set('', {
    records: new Map([
      [TYPE.SOA, [soa]],
      [TYPE.NS, nameServers.map(({ name }) => encodeBody({ type: 'NS', ...FIXED, data: name }))],
      [TYPE.CAA, [encodeBody(NOTHING_MAY_BE_ISSUED)]],
    ]),
    glue: inZone.flatMap(({ relative, bodies }) =>
      [...bodies.values()].flat().map((body) => ({ owner: encodeLabels(relative), body })),
    ),
  })
  return {
    bytes: name.length + 2,
    denial: { owner: 'zone', body: withUnkeptTtl(soa) },
    relativeLabels: (labels) => relativeLabels(labels, zoneLabels),
    findFixed: (relative) => names.get(relative.map(escapeDots).join('.')),
  }
}

const FIXED = { ttl: FIXED_TTL_S }

/**
 * Nobody needs a certificate for a name in this zone, and whoever controls a TXT value here must not
 * get one (RFC 8659). Orders for customers' names are not touched: their CAA records are looked for at
 * the customer's name and its parents, never at `_acme-challenge` names. Where a customer points the
 * name itself here by mistake, the CA follows the alias but does not climb above its target (RFC 8659
 * section 3), and the names below the apex have no CAA records.
 */
const NOTHING_MAY_BE_ISSUED = {
  type: 'CAA',
  ...FIXED,
  data: { flags: 0, tag: 'issue', value: ';' },
} as const

/** The serial stays: nobody transfers the zone, and all servers of it must say the same. */
function soaOf(name: string, nameServers: readonly NameServer[]): Buffer {
  return encodeBody({
    type: 'SOA',
    ...FIXED,
    data: {
      mname: nameServers[0]?.name ?? name,
      rname: `hostmaster.${name}`,
      serial: 1,
      refresh: 86_400,
      retry: 7_200,
      expire: 3_600_000,
      minimum: UNKEPT_TTL_S,
    },
  })
}

/** The TTL of a denial is the smaller one of the record's and its last field (RFC 2308 section 5). */
function withUnkeptTtl(soa: Buffer): Buffer {
  const copy = Buffer.from(soa)
  copy.writeUInt32BE(UNKEPT_TTL_S, 4)
  return copy
}

function addressBodies({ addresses }: NameServer): Map<number, Buffer[]> {
  const bodies = new Map<number, Buffer[]>()
  for (const data of addresses) {
    const type = data.includes(':') ? 'AAAA' : 'A'
    const known = bodies.get(TYPE[type]) ?? []
    bodies.set(TYPE[type], [...known, encodeBody({ type, ...FIXED, data })])
  }
  return bodies
}

/** The names between it and the zone exist too, without records (RFC 8020). */
function addWithParents(
  names: Map<string, FixedName>,
  relative: readonly string[],
  records: FixedName['records'],
): void {
  for (let depth = 1; depth < relative.length; depth++) {
    const parent = relative.slice(depth).join('.')
    if (!names.has(parent)) names.set(parent, { records: new Map(), glue: [] })
  }
  names.set(relative.join('.'), { records, glue: [] })
}

function relativeLabels(
  labels: readonly string[],
  zoneLabels: readonly string[],
): readonly string[] | undefined {
  const cut = labels.length - zoneLabels.length
  if (cut < 0 || !zoneLabels.every((label, index) => label === labels[cut + index]))
    return undefined
  return labels.slice(0, cut)
}

/** A dot within a label is none between two. */
function escapeDots(label: string): string {
  return label.replaceAll('.', '\\.')
}
