import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import {
  fromFailure,
  parsePrimaryMessage,
  parseWorkerMessage,
  toFailure,
  type PrimaryMessage,
  type WorkerMessage,
} from '#edge/ipc.ts'
import { ListenError } from '#lib/listen-error.ts'
import { Metrics } from '#lib/metrics.ts'

const address = { host: '127.0.0.1', port: 443 }
const viaChannel = (message: unknown): unknown => JSON.parse(JSON.stringify(message))

describe('messages between the primary and its workers', () => {
  it('arrive as they were sent', async () => {
    const metrics = new Metrics()
    metrics.counter({ name: 'a_total', help: 'A.' }).cell({}).value = 3
    const down: PrimaryMessage[] = [
      { type: 'start', https: address, http: address },
      { type: 'measure', request: 1 },
      { type: 'close', now: true },
    ]
    const up: WorkerMessage[] = [
      { type: 'ready', edgeId: 'e', https: address, http: address },
      { type: 'failed', failure: { kind: 'address-in-use', address } },
      { type: 'failed', failure: { kind: 'other', message: 'why' } },
      { type: 'measured', request: 1, snapshot: await metrics.snapshot() },
    ]
    expect(down.map((message) => parsePrimaryMessage(viaChannel(message)))).toEqual(down)
    expect(up.map((message) => parseWorkerMessage(viaChannel(message)))).toEqual(
      up.map((message) => viaChannel(message)),
    )
  })

  it('that are not ours are ignored', () => {
    const wrong = [
      { type: 'start', https: address },
      { type: 'start', https: { host: 1, port: 443 }, http: address },
      { type: 'close' },
      { type: 'measured', request: 1, snapshot: [{}] },
      { type: 'failed', failure: { kind: 'strange' } },
    ]
    expect(wrong.map((message) => parsePrimaryMessage(message))).toEqual(wrong.map(() => undefined))
    expect(wrong.map((message) => parseWorkerMessage(message))).toEqual(wrong.map(() => undefined))
    fc.assert(
      fc.property(fc.anything(), (value) => {
        expect(parsePrimaryMessage(value)).toBeUndefined()
        expect(parseWorkerMessage(value)).toBeUndefined()
      }),
    )
  })

  it('carry the reason why a worker cannot start', () => {
    const error = new ListenError('address-in-use', address)
    expect(fromFailure(toFailure(error))).toEqual(error)
    expect(fromFailure(toFailure(new Error('why'))).message).toContain('why')
  })
})
