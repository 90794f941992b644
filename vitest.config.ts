import { defineConfig } from 'vitest/config'

/**
 * Two cores, real servers: files run in two forked processes, so that a file which measures the
 * memory of, or kills, what it started never disturbs another.
 */
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    restoreMocks: true,
  },
})
