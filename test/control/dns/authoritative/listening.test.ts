import { createSocket } from 'node:dgram'
import { once } from 'node:events'

import { describe, expect, it } from 'vitest'

import type { DcvRecords } from '#control/dns/authoritative/dcv-records.ts'
import { ListenError } from '#lib/listen-error.ts'
import { DCV_ZONE, startDcvDns } from '#test/dcv-dns.ts'
import { dig } from '#test/dig.ts'
import { freePort } from '#test/ports.ts'

const records: DcvRecords = { hasDelegation: async () => false, findTxt: async () => undefined }

describe('listening', () => {
  it('is by UDP and TCP at every address', async () => {
    const listen = ['127.0.0.1', '::1'].map((host) => ({ host, port: 0 }))
    await using dns = await startDcvDns({ records, listen })
    expect(dns.server.addresses).toHaveLength(2)
    for (const address of dns.server.addresses) {
      for (const how of ['+notcp', '+tcp']) {
        expect((await dig(address, DCV_ZONE, 'SOA', how)).status).toBe('NOERROR')
      }
    }
  })

  it.each(['udp', 'tcp'])(
    'fails where %s’s port is taken, and leaves nothing open',
    async (which) => {
      const [first, second] = [await freePort(), await freePort()]
      const listen = [first, second].map((port) => ({ host: '127.0.0.1', port }))
      await using taken = await occupy(which, second)
      const error = await startDcvDns({ records, listen }).catch((each: unknown) => each)
      expect(error).toBeInstanceOf(ListenError)
      expect(error).toMatchObject({ kind: 'address-in-use', address: { port: second } })
      await taken[Symbol.asyncDispose]()
      await using dns = await startDcvDns({ records, listen })
      expect(dns.server.addresses).toEqual(listen)
    },
  )

  it('fails at an address that this machine does not have', async () => {
    const listen = [{ host: '192.0.2.1', port: 5353 }]
    await expect(startDcvDns({ records, listen })).rejects.toMatchObject({
      kind: 'address-not-available',
    })
  })

  it('ends with close, which may be called twice', async () => {
    const dns = await startDcvDns({ records })
    await Promise.all([dns.server.close(), dns.server.close()])
    await using again = await startDcvDns({ records, listen: [dns.address] })
    expect(again.address).toEqual(dns.address)
  })
})

async function occupy(which: string, port: number): Promise<AsyncDisposable> {
  if (which === 'tcp') {
    const dns = await startDcvDns({ records, listen: [{ host: '127.0.0.1', port }] })
    return dns
  }
  const socket = createSocket('udp4')
  socket.bind(port, '127.0.0.1')
  await once(socket, 'listening')
  let isOpen = true
  return {
    async [Symbol.asyncDispose]() {
      if (!isOpen) return
      isOpen = false
      await new Promise<void>((resolve) => socket.close(() => resolve()))
    },
  }
}
