import type { Hostname } from '#domain/hostname.ts'

/** What was looked at, in the order in which the customer must put it right. */
export const CHECK_NAMES = [
  'dns',
  'dnssec',
  'name_servers',
  'proxy',
  'target',
  'ipv6',
  'http',
  'ownership',
  'caa',
  'dcv_delegation',
  'challenge',
  'fallback_origin',
  'certificate',
  'deployment',
] as const
export type CheckName = (typeof CHECK_NAMES)[number]

export const CHECK_STATUSES = ['ok', 'wrong', 'waiting', 'unknown'] as const
/** `waiting`: nobody need do anything but wait; `unknown`: it could not be found out now. */
export type CheckStatus = (typeof CHECK_STATUSES)[number]

/** One thing that was looked at. */
export interface Check {
  name: CheckName
  status: CheckStatus
  /** How it should be. */
  expected: string
  /** Who answered what. */
  seen: readonly Seen[]
  /** Since when it is so, where that is known. */
  since?: number
  /** One sentence for the customer: how it is, and what to change. */
  sentence: string
}

export interface Seen {
  /** A name server, an address, a CA: whoever answered. */
  server: string
  answer: string
}

export interface Diagnosis {
  hostname: Hostname
  /** When it was looked at. */
  at: number
  status: CheckStatus
  /** The sentence that matters most: what to do first. */
  summary: string
  /** Only what concerns this hostname, first things first. */
  checks: readonly Check[]
}
