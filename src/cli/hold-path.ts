/** Where the API has the hold of a domain; how the domain may be written is its rule. */
export function holdPath(domain: string): string {
  return `/held_domains/${encodeURIComponent(domain)}`
}
