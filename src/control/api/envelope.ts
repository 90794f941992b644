import { z } from 'zod'

import type { ApiError } from './api-error.ts'

/** What every answer is wrapped in (spec section 1.1). */
export interface Success<Result> {
  success: true
  errors: never[]
  /** Strings, as the specification has them since its quota warnings; empty otherwise. */
  messages: string[]
  result: Result
}

export interface SuccessPage<Item> extends Success<Item[]> {
  result_info: ResultInfo
}

export interface ResultInfo {
  page: number
  per_page: number
  /** Items on this page. */
  count: number
  total_count: number
  total_pages: number
}

export interface Failure {
  success: false
  errors: FailureDetail[]
  messages: never[]
  result: null
}

export interface FailureDetail {
  code: number
  message: string
  source?: { pointer: string }
}

export function success<Result>(result: Result, messages: string[] = []): Success<Result> {
  return { success: true, errors: [], messages, result }
}

export function successPage<Item>(
  items: Item[],
  page: { page: number; perPage: number; total: number },
): SuccessPage<Item> {
  const { perPage, total } = page
  const result_info = {
    page: page.page,
    per_page: perPage,
    count: items.length,
    total_count: total,
    total_pages: Math.ceil(total / perPage),
  }
  return { ...success(items), result_info }
}

export function failure(error: ApiError): Failure {
  return {
    success: false,
    errors: [error, ...error.others].map(describe),
    messages: [],
    result: null,
  }
}

function describe(error: ApiError): FailureDetail {
  const detail = { code: error.entry.code, message: error.message }
  return error.pointer === undefined ? detail : { ...detail, source: { pointer: error.pointer } }
}

const SUCCESS_FIELDS = {
  success: z.literal(true),
  errors: z.array(z.never()),
  messages: z.array(z.string()),
}

const RESULT_INFO = z
  .object({
    page: z.int(),
    per_page: z.int(),
    count: z.int().describe('Items on this page.'),
    total_count: z.int(),
    total_pages: z.int(),
  })
  .meta({ id: 'ResultInfo' })

/** The schema of every answer other than success. */
export const FAILURE_SCHEMA = z
  .object({
    success: z.literal(false),
    errors: z.array(
      z.object({
        code: z.int().min(1000),
        message: z.string(),
        source: z.object({ pointer: z.string() }).optional(),
      }),
    ),
    messages: z.array(z.never()),
    result: z.null(),
  })
  .meta({ id: 'Failure' })

/** The schema of a successful answer with one result. */
export function successSchema<Result extends z.ZodType>(result: Result) {
  return z.object({ ...SUCCESS_FIELDS, result })
}

/** The schema of a successful answer with one page of a list. */
export function pageSchema<Item extends z.ZodType>(item: Item) {
  return z.object({ ...SUCCESS_FIELDS, result: z.array(item), result_info: RESULT_INFO })
}
