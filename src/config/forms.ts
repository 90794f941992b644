import { HostnameError, parseHostname } from '#domain/hostname.ts'
import { OPERATOR_ORIGINS, OriginError, parseOrigin } from '#domain/origin.ts'
import { FormError } from '#lib/form-error.ts'
import { parsePemCertificates, readNamedFile } from '#lib/setting-forms.ts'

/** @throws when there is no such file */
export type ReadFile = (path: string) => string

/** The operator's own names need no public suffix; tenants' names do. */
export function parseOperatorHostname(text: string): string {
  return inForm(() => parseHostname(text, { allowReservedTlds: true }))
}

/** Kept as written: it is parsed again where it is used. */
export function parseOperatorOrigin(text: string): string {
  inForm(() => parseOrigin(text, OPERATOR_ORIGINS))
  return text
}

/** The domain's own rules, told as those of a setting. */
export function inForm<Value>(parse: () => Value): Value {
  try {
    return parse()
  } catch (error) {
    const isForm = error instanceof HostnameError || error instanceof OriginError
    throw isForm ? new FormError(error.message, { cause: error }) : error
  }
}

/** Roots to trust, PEM each, of a file that the operator names. */
export function readRoots(path: string, readFile: ReadFile): string[] {
  return parsePemCertificates(readNamedFile(path, readFile))
}
