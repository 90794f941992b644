import { normaliseServerName, type Hostname } from '#domain/hostname.ts'

/** A target may be written as the wildcard that it is in the zone's DNS. */
export function normaliseTarget(cnameTarget: string | undefined): Hostname | undefined {
  return normaliseServerName(cnameTarget?.replace(/^\*\./, '') ?? '')
}
