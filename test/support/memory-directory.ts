import {
  DirectoryError,
  type Change,
  type ChangeBatch,
  type EdgeDirectory,
  type Heartbeat,
  type TicketKey,
} from '#directory/directory.ts'
import type { Binding, WellKnownAnswer } from '#domain/binding.ts'
import { parentOf, type Hostname } from '#domain/hostname.ts'

/** A directory for the tests of the edge alone, whose failures and delays are asked for. */
export interface MemoryDirectory extends EdgeDirectory {
  /** Names asked for with findBinding, in order. */
  readonly reads: Hostname[]
  readonly beats: Heartbeat[]
  readonly left: string[]
  readonly answers: WellKnownAnswer[]
  /** While false, every call rejects with `unavailable`. */
  available: boolean
  /** While true, findBinding reads at once but answers only after `letGo`. */
  held: boolean
  letGo(): void
  /** Writes without a change entry. */
  put(...bindings: Binding[]): void
  /** Writes, with a change entry. */
  publish(binding: Binding): void
  withdraw(name: Hostname): void
  putTicketKeys(keys: TicketKey[]): void
  /** Tells watchers that they may have missed something. */
  breakLog(): void
  /** Watchers now. */
  readonly watchers: number
}

export function memoryDirectory(): MemoryDirectory {
  const bindings = new Map<string, Binding>()
  const waiting: (() => void)[] = []
  const queues = new Set<(batch: ChangeBatch) => void>()
  let ticketKeys: TicketKey[] = []
  let lastId = 0
  const id = (): string => String(lastId).padStart(12, '0')
  const tell = (changes: Omit<Change, 'id'>[], gap = false): void => {
    const numbered = changes.map((change) => ({ ...change, id: ((lastId += 1), id()) }))
    for (const push of queues) push({ upTo: id(), changes: numbered, gap })
  }
  const check = (): void => {
    if (!directory.available) throw new DirectoryError('unavailable', 'the test took it away')
  }

  const directory: MemoryDirectory = {
    reads: [],
    beats: [],
    left: [],
    answers: [],
    available: true,
    held: false,
    get watchers() {
      return queues.size
    },
    letGo() {
      for (const go of waiting.splice(0)) go()
    },
    put(...added) {
      for (const binding of added) bindings.set(binding.hostname, binding)
    },
    publish(binding) {
      directory.put(binding)
      tell([{ kind: 'published', name: binding.hostname }])
    },
    withdraw(name) {
      bindings.delete(name)
      tell([{ kind: 'removed', name }])
    },
    putTicketKeys(keys) {
      ticketKeys = keys
      tell([{ kind: 'ticket-keys', name: '' }])
    },
    breakLog: () => tell([], true),

    async findBinding(name) {
      directory.reads.push(name)
      check()
      const parent = parentOf(name)
      const above = parent === undefined ? undefined : bindings.get(parent)
      const found = bindings.get(name) ?? (above?.wildcard ? above : undefined)
      if (directory.held) await new Promise<void>((resolve) => waiting.push(resolve))
      return found
    },
    async findAnswer(name, path, now) {
      check()
      return directory.answers.find(
        (answer) => answer.hostname === name && answer.path === path && now < answer.expiresAt,
      )
    },
    async listTicketKeys() {
      check()
      return ticketKeys
    },
    async *watch(_after, signal) {
      const batches: ChangeBatch[] = [{ upTo: id(), changes: [], gap: false }]
      let wake = (): void => {}
      const push = (batch: ChangeBatch): void => {
        batches.push(batch)
        wake()
      }
      queues.add(push)
      signal.addEventListener('abort', () => wake(), { once: true })
      try {
        while (!signal.aborted) {
          const batch = batches.shift()
          if (batch) yield batch
          else await new Promise<void>((resolve) => (wake = resolve))
        }
      } finally {
        queues.delete(push)
      }
    },
    async beat(heartbeat) {
      check()
      directory.beats.push(heartbeat)
    },
    async leave(edgeId) {
      directory.left.push(edgeId)
    },
    close: async () => {},
    [Symbol.asyncDispose]: async () => {},
  }
  return directory
}
