import type { SecretStore } from '#store/store.ts'

/** A `SecretStore` in memory; pass the same map to what is to survive a restart. */
export function memorySecrets(values = new Map<string, Uint8Array>()): SecretStore {
  return {
    find: async (name) => values.get(name),
    putIfAbsent: async (name, value) => {
      const stored = values.get(name) ?? value
      values.set(name, stored)
      return stored
    },
  }
}
