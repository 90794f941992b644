import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import type Cloudflare from 'cloudflare'

import { startCustos, type Custos } from './custos.ts'
import { CNAME_TARGET, DCV_ZONE, startDnsWorld, type DnsWorld } from './dns-world.ts'
import { startEchoOrigin } from './echo-origin.ts'
import { startFaultyCa, type FaultyCa } from './faulty-ca.ts'
import type { SdkHostname } from './hostnames.ts'
import { startMovedTime } from './moved-time.ts'
import { startPebble, type Pebble } from './pebble.ts'
import { freePort } from './ports.ts'
import { sClient, type SClientResult } from './s-client.ts'
import { tempDir } from './temp-dir.ts'
import { SIGALGS } from './visitors.ts'
import { waitUntil } from './wait.ts'

export interface AcmeSceneOptions {
  /** Customers' zones, as in `startDnsWorld`. */
  zones: Record<string, string>
  /** Each has Pebbles of its own kind; the API's names are those of `API_NAMES`. @default 1 */
  cas?: 1 | 2
  /** Where both Custos and the CAs look for http-01 answers nobody listens. @default false */
  isPort80Closed?: boolean
  /** Pebble's own settings. */
  pebbleEnv?: Record<string, string>
}

/** A CA and what stands before it. */
export interface SceneCa {
  pebble: Pebble
  layer: FaultyCa
  /** What CAA records call it. */
  caaIdentity: string
  /** A file with the root of what it issues. */
  rootFile: string
}

type Ssl = NonNullable<Parameters<Cloudflare['customHostnames']['create']>[0]['ssl']>

/**
 * `custos serve` with all that is around it in the world: ACME CAs in order of preference, customers'
 * zones, an origin. Time moves forward by hand, for Custos alone.
 */
export interface AcmeScene extends AsyncDisposable {
  custos: Custos
  client: Cloudflare
  zoneId: string
  dns: DnsWorld
  cas: readonly SceneCa[]
  /** The first of them. */
  ca: SceneCa
  forward(ms: number): void
  create(hostname: string, ssl?: Partial<Ssl>): Promise<SdkHostname>
  find(id: string): Promise<SdkHostname>
  /** `kind: message` of its timeline, the newest first. */
  listEvents(id: string): Promise<string[]>
  /** Asks to validate now. */
  retry(id: string, ssl?: Partial<Ssl>): Promise<SdkHostname>
  /** Until `condition` holds of it. @throws with what the API showed, the timeline and the log */
  until(
    id: string,
    condition: (hostname: SdkHostname) => boolean | Promise<boolean>,
    timeoutMs?: number,
  ): Promise<SdkHostname>
  /**
   * Until it is active. What goes wrong only because this machine is busy is tried again: time passes
   * quicker while something is shown to be wrong. @param onLook gets what the API shows each time
   */
  untilActive(id: string, onLook?: (hostname: SdkHostname) => Promise<void>): Promise<SdkHostname>
  /** A handshake of `openssl`, verified up to the CA's root and for the name. */
  visit(
    hostname: string,
    options?: { only?: 'ecdsa' | 'rsa'; ca?: SceneCa },
  ): Promise<SClientResult>
}

export const API_NAMES = ['lets_encrypt', 'google'] as const
export const API_TOKEN = 'acme-scene-token-0123456789'

export async function startAcmeScene(options: AcmeSceneOptions): Promise<AcmeScene> {
  await using stack = new AsyncDisposableStack()
  const dir = stack.use(tempDir()).path
  const time = stack.use(await startMovedTime())
  const dns = stack.use(await startDnsWorld(options.zones))
  const origin = stack.use(await startEchoOrigin())
  const [httpPort, httpsPort, closedPort] = [await freePort(), await freePort(), await freePort()]
  const validationPort = options.isPort80Closed ? closedPort : httpPort
  const startCa = async (_: unknown, index: number): Promise<SceneCa> => {
    const pebble = stack.use(
      await startPebble({
        httpPort: validationPort,
        tlsPort: httpsPort,
        dnsServer: dns.ofCas,
        env: options.pebbleEnv ?? {},
      }),
    )
    const layer = stack.use(await startFaultyCa(pebble))
    const rootFile = join(dir, `root-${index}.pem`)
    writeFileSync(rootFile, await pebble.fetchRoot())
    writeFileSync(join(dir, `https-${index}.pem`), pebble.httpsRoots)
    return { pebble, layer, rootFile, caaIdentity: `ca${index}.test` }
  }
  const cas = await Promise.all(Array.from({ length: options.cas ?? 1 }, startCa))
  const config = join(dir, 'custos.json')
  writeFileSync(config, renderConfig(cas, dir))
  const custos = stack.use(
    await startCustos({
      env: {
        ...time.env,
        CUSTOS_CONFIG: config,
        CUSTOS_API_TOKEN: API_TOKEN,
        CUSTOS_CNAME_TARGET: CNAME_TARGET,
        CUSTOS_DCV_ZONE: DCV_ZONE,
        CUSTOS_DNS_LISTEN: dns.dcvServer,
        CUSTOS_DNS_SERVERS: dns.ours,
        CUSTOS_EDGE_PREFIXES: '127.0.0.1/32',
        CUSTOS_EDGE_HTTP: `127.0.0.1:${httpPort}`,
        CUSTOS_EDGE_HTTPS: `127.0.0.1:${httpsPort}`,
        CUSTOS_FALLBACK_ORIGIN: origin.url,
        CUSTOS_VALIDATION_HTTP_PORT: String(validationPort),
        CUSTOS_VALIDATION_TLS_PORT: String(httpsPort),
      },
    }),
  )
  const client = await custos.client()
  const zoneId = (await client.zones.list()).result[0]?.id ?? ''
  const [ca] = cas
  if (!ca) throw new Error('a scene has a CA')
  const owned = stack.move()
  const world = { custos, client, zoneId, dns, cas, ca, forward: time.forward }
  return { ...world, ...actionsOf(world), [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

function renderConfig(cas: readonly SceneCa[], dir: string): string {
  const items = cas.map(({ layer, caaIdentity }, index) => ({
    kind: 'acme',
    name: `ca${index}`,
    directoryUrl: layer.directoryUrl,
    apiName: API_NAMES[index],
    caaIdentities: caaIdentity,
    roots: join(dir, `https-${index}.pem`),
  }))
  // JSON is YAML.
  return JSON.stringify({ cas: items })
}

/** So long something may be wrong before time passes quicker. */
const PATIENCE_MS = 3_000
/** Longer than anything waits after its first failures. */
const MINUTES_MS = 2 * 60_000
const SSL = { method: 'http', type: 'dv' } as const

function actionsOf({
  client,
  zoneId: zone_id,
  custos,
  ca: firstCa,
  forward,
}: Pick<AcmeScene, 'client' | 'zoneId' | 'custos' | 'ca' | 'forward'>): Pick<
  AcmeScene,
  'create' | 'find' | 'listEvents' | 'retry' | 'until' | 'untilActive' | 'visit'
> {
  const find = (id: string): Promise<SdkHostname> => client.customHostnames.get(id, { zone_id })
  const listEvents = async (id: string): Promise<string[]> => {
    const path = `/client/v4/zones/${zone_id}/custom_hostnames/${id}/events?per_page=100`
    const headers = { authorization: `Bearer ${API_TOKEN}` }
    const answer = await fetch(`${custos.controlUrl}${path}`, { headers })
    const events: { kind: string; message: string }[] = JSON.parse(await answer.text()).result
    return events.map(({ kind, message }) => `${kind}: ${message}`)
  }
  const until: AcmeScene['until'] = async (id, condition, timeoutMs) => {
    let last: SdkHostname | undefined
    const look = async (): Promise<boolean> => {
      last = await find(id)
      return condition(last)
    }
    await waitUntil('the hostname is as it is to be', look, timeoutMs).catch(async (cause) => {
      const shown = [
        JSON.stringify(last),
        ...(await listEvents(id)),
        custos.log().slice(-4_000),
      ].join('\n')
      throw new Error(`${String(cause)}:\n${shown}`, { cause })
    })
    if (!last) throw new Error('never read')
    return last
  }
  return {
    find,
    listEvents,
    create: (hostname, ssl) =>
      client.customHostnames.create({ zone_id, hostname, ssl: { ...SSL, ...ssl } }),
    retry: (id, ssl) => client.customHostnames.edit(id, { zone_id, ssl: { ...SSL, ...ssl } }),
    until,
    async untilActive(id, onLook = async () => {}) {
      let movedAt = performance.now()
      const look = async (hostname: SdkHostname): Promise<boolean> => {
        await onLook(hostname)
        const isWrong = errorsOf(hostname) !== '' || hostname.verification_errors !== undefined
        if (isWrong && performance.now() - movedAt > PATIENCE_MS) {
          forward(MINUTES_MS)
          movedAt = performance.now()
        }
        return isActive(hostname)
      }
      return until(id, look, 25_000)
    },
    visit(hostname, { only = 'ecdsa', ca = firstCa } = {}) {
      return sClient({
        port: custos.httpsPort,
        serverName: hostname,
        caFile: ca.rootFile,
        args: ['-verify_hostname', hostname, '-sigalgs', SIGALGS[only]],
        input: `GET / HTTP/1.1\r\nHost: ${hostname}\r\nConnection: close\r\n\r\n`,
      })
    },
  }
}

/** Proved, and both chains are served by every edge. */
export function isActive({ status, ssl }: SdkHostname): boolean {
  return status === 'active' && ssl?.status === 'active'
}

/** What the API says is wrong with the certificate, in one text. */
export function errorsOf({ ssl }: SdkHostname): string {
  return (ssl?.validation_errors ?? []).map(({ message }) => message).join('\n')
}
