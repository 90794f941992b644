import { startKnot } from './knot.ts'
import { freePort } from './ports.ts'
import { startUnbound, type Unbound } from './unbound.ts'

/**
 * DNS as it is in the world, in small: a real authoritative server (Knot) that has the root, `test` and
 * the zones below it, and real recursive ones (Unbound) that know nothing but where the root is. All
 * authoritative servers are at port 53, as delegations know no other, of addresses that are theirs alone.
 */
export interface DnsWorld extends AsyncDisposable {
  /** Our recursive server, `ip:port`. */
  readonly ours: string
  /** That of the CAs, `ip:port`: what we asked too early is not kept there. */
  readonly ofCas: string
  /** Where `dcv.saas.test` is delegated to, `ip:port`: nobody listens there yet. */
  readonly dcvServer: string
  /** Makes or replaces the records of a zone that was there from the beginning. */
  setZone(name: string, records: string): Promise<void>
  close(): Promise<void>
}

/** Where customers point their names, and the zone that answers for them. */
export const CNAME_TARGET = 'customers.saas.test'
export const DCV_ZONE = 'dcv.saas.test'

/** @param zones records by the zone's name, which is one label below `test` */
export async function startDnsWorld(zones: Record<string, string>): Promise<DnsWorld> {
  await using stack = new AsyncDisposableStack()
  const port = await freePort()
  const addressOf = (last: number): string => `127.${port >> 8}.${port & 255}.${last}`
  const [ns, dcv] = [addressOf(1), addressOf(2)]
  const common = `@ NS ns\nns A ${ns}\n`
  const saas = [
    `${CNAME_TARGET}. A 127.0.0.1`,
    `${DCV_ZONE}. NS ns1.${DCV_ZONE}.`,
    `ns1.${DCV_ZONE}. A ${dcv}`,
  ]
  const all = { 'saas.test': saas.join('\n'), ...zones }
  const cuts = Object.keys(all).map((name) => `${name}. NS ns.${name}.\nns.${name}. A ${ns}`)
  const knot = stack.use(await startKnot({ address: ns, port: 53 }))
  await knot.setZone('', `@ NS ns.test.\ntest. NS ns.test.\nns.test. A ${ns}`)
  await knot.setZone('test', common + cuts.join('\n'))
  for (const [name, records] of Object.entries(all)) await knot.setZone(name, common + records)
  const startRecursive = async (): Promise<Unbound> =>
    stack.use(await startUnbound({ zones: { '': knot.endpoint } }))
  const [ours, ofCas] = [await startRecursive(), await startRecursive()]
  const owned = stack.move()
  const close = (): Promise<void> => owned.disposeAsync()
  return {
    ours: ours.address,
    ofCas: ofCas.address,
    dcvServer: `${dcv}:53`,
    setZone: (name, records) => knot.setZone(name, common + records),
    close,
    [Symbol.asyncDispose]: close,
  }
}
