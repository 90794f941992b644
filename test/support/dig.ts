import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

import type { ListenAddress } from '#lib/listen-address.ts'

import { getProgram } from './packages.ts'

const run = promisify(execFile)

export interface DigAnswer {
  /** `NOERROR`, `NXDOMAIN` … */
  status: string
  /** Of the header: `qr`, `aa`, `tc`, `rd`, `ra`. */
  flags: string[]
  /** The OPT record, such as `version: 0, flags:; udp: 1232`; undefined where there was none. */
  edns: string | undefined
  /** As it came back, with its case. */
  question: string | undefined
  /** Records, blanks made single: `name ttl IN type data`. */
  answer: string[]
  authority: string[]
  additional: string[]
  /** Bytes of the message. */
  size: number
  /** All that dig said, warnings too. */
  text: string
}

/** Asks one server once, without recursion and without cookies unless `args` say otherwise. */
export async function dig(server: ListenAddress, ...args: string[]): Promise<DigAnswer> {
  const at = [`@${server.host}`, '-p', String(server.port)]
  const how = ['+norec', '+nocookie', '+tries=1', '+timeout=10', ...args]
  const { stdout } = await run(getProgram('bind9-dnsutils'), [...at, ...how])
  return {
    status: /status: (\w+)/.exec(stdout)?.[1] ?? '',
    flags: /;; flags: ([a-z ]*);/.exec(stdout)?.[1]?.split(' ').filter(Boolean) ?? [],
    edns: /; EDNS: (.*)/.exec(stdout)?.[1],
    question: sectionOf(stdout, 'QUESTION')[0]?.replace(/^;/, ''),
    answer: sectionOf(stdout, 'ANSWER'),
    authority: sectionOf(stdout, 'AUTHORITY'),
    additional: sectionOf(stdout, 'ADDITIONAL'),
    size: Number(/MSG SIZE {2}rcvd: (\d+)/.exec(stdout)?.[1]),
    text: stdout,
  }
}

function sectionOf(text: string, name: string): string[] {
  const [, after = ''] = text.split(`;; ${name} SECTION:\n`)
  const [lines = ''] = after.split('\n\n')
  return lines
    .split('\n')
    .filter(Boolean)
    .map((line) => line.trim().replace(/\s+/g, ' '))
}
