import { ensurePackages } from './packages.ts'

/** Finds, and where it may installs, the real servers that tests run against, once before all files. */
export default async function setup(): Promise<void> {
  await ensurePackages([
    'redis-server',
    'openssl',
    'curl',
    'pebble',
    'knot',
    'unbound',
    'bind9-dnsutils',
  ])
}
