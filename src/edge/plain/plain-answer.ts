import type { RawHeaders } from '../exchange.ts'

/** A response that is all there. */
export interface PlainAnswer {
  status: number
  reason: string
  headers: RawHeaders
  body: string
}
