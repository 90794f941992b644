import type { Binding } from '#domain/binding.ts'

import { CONTEXT_BYTES, type TlsContext } from './tls/context.ts'

/** A binding in memory. */
export interface HotBinding {
  readonly binding: Binding
}

/** The same as the cache keeps it. */
export interface Entry extends HotBinding {
  /** Built for the first handshake; null where it cannot be built. */
  tls: TlsContext | null | undefined
  stale: boolean
  /** `#generation` when it was read: an older one is stale. */
  generation: number
}

/** An entry without chains and contexts, roughly. */
const ENTRY_BYTES = 2_048

/** Bytes in memory, a context included. Intermediates are shared by all bindings and not counted. */
export function sizeOf({ binding: { chains } }: Entry): number {
  if (chains.length === 0) return ENTRY_BYTES
  const bytes = chains.reduce((sum, chain) => sum + chain.leaf.length + chain.sealedKey.length, 0)
  return ENTRY_BYTES + bytes + CONTEXT_BYTES
}

/** Whether a context of one binding serves the other. */
export function sameTls(a: Binding, b: Binding): boolean {
  const ids = (binding: Binding): string => binding.chains.map((c) => c.certificateId).join()
  return ids(a) === ids(b) && JSON.stringify(a.tls) === JSON.stringify(b.tls)
}
