/** What a certificate covers: the name and, where that is wished, every name one level below it. */
export function namesOf({ hostname, wildcard }: { hostname: string; wildcard: boolean }): string[] {
  return wildcard ? [hostname, `*.${hostname}`] : [hostname]
}
