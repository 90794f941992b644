export interface Page {
  /** From 1. */
  page: number
  perPage: number
  order?: 'created' | 'ssl_status' | 'hostname'
  direction?: 'asc' | 'desc'
}

export interface PageOf<Item> {
  items: Item[]
  /** Items over all pages. */
  total: number
}
