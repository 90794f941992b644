import { expect, it } from 'vitest'

import { startAcmeScene } from '#test/acme-scene.ts'
import { CNAME_TARGET } from '#test/dns-world.ts'

it('serves a hostname whose CA takes its time with every challenge', async () => {
  await using scene = await startAcmeScene({
    zones: { 'shop.test': `www CNAME ${CNAME_TARGET}.` },
    pebbleEnv: { PEBBLE_VA_NOSLEEP: '0', PEBBLE_VA_SLEEPTIME: '3' },
  })
  const { id } = await scene.create('www.shop.test')
  await scene.untilActive(id)
  for (const only of ['ecdsa', 'rsa'] as const) {
    const visit = await scene.visit('www.shop.test', { only })
    expect(visit).toMatchObject({ verified: true, keyAlgorithm: only })
  }
})
