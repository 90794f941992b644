import { z } from 'zod'

import type { ApiClient, ApiRequest } from './api-client.ts'

const LARGEST_PAGE = 1000
const SMALLEST_PAGE = 5

export interface Collected<Item> {
  items: Item[]
  /** The same as they were received, for `--json`. */
  raw: unknown[]
  /** How many there are. */
  total: number
}

/** The first `limit` items of a list, read page by page. */
export async function collectPages<Item>(
  api: ApiClient,
  list: Pick<ApiRequest<unknown>, 'path' | 'query'> & { item: z.ZodType<Item>; limit: number },
): Promise<Collected<Item>> {
  const { path, query, item, limit } = list
  const perPage = Math.min(Math.max(limit, SMALLEST_PAGE), LARGEST_PAGE)
  const found: Collected<Item> = { items: [], raw: [], total: 0 }
  for (let page = 1; found.items.length < limit; page++) {
    const answer = await api.call({
      path,
      query: { page: String(page), per_page: String(perPage), ...query },
      schema: z.array(item),
    })
    found.items.push(...answer.result)
    found.raw.push(...z.array(z.unknown()).parse(answer.raw))
    found.total = answer.total ?? found.items.length
    if (answer.result.length < perPage) break
  }
  return { ...found, items: found.items.slice(0, limit), raw: found.raw.slice(0, limit) }
}
