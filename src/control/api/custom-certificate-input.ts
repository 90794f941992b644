import { z } from 'zod'

import type { Certificate } from '#domain/certificate.ts'

import { UploadError, type UploadProblem } from '../certificates/upload-error.ts'
import type { Upload, UploadReader, UploadTarget } from '../certificates/upload-reader.ts'
import type { ApiErrorKind } from './api-error-table.ts'
import { ApiError } from './api-error.ts'
import { fault } from './input-error.ts'

/** Ten certificates of the usual 2 KB and more; two such bundles and keys fit into a body. */
const MAX_CERTIFICATES_CHARACTERS = 64 * 1024

const CERTIFICATES = z
  .string('must be a string')
  .max(MAX_CERTIFICATES_CHARACTERS, `must have at most ${MAX_CERTIFICATES_CHARACTERS} characters`)
const KEY = z.string('must be a string').describe('PEM, without a passphrase. Never shown again.')
const CSR_ID = z.union([z.guid(), z.literal('')], 'must be a UUID of 36 characters')

const PAIR = { custom_certificate: CERTIFICATES, custom_key: KEY }

/** What brings certificates of the caller's own (spec section 1.4). */
export const CUSTOM_CERTIFICATE_FIELDS = {
  custom_certificate: CERTIFICATES.nullish().describe('PEM: the leaf, then its chain.'),
  custom_key: KEY.nullish(),
  custom_csr_id: CSR_ID.nullish().describe('The custom CSR it was signed for, instead of a key.'),
  custom_cert_bundle: z
    .array(z.object(PAIR, 'must be an object'), 'must be an array')
    .max(2, 'must have at most 2 entries')
    .nullish()
    .describe('One RSA and one ECDSA certificate; one alone goes beside the one that is there.'),
}

const FIELDS = z.object(CUSTOM_CERTIFICATE_FIELDS)
export type CustomCertificateInput = z.infer<typeof FIELDS>

/** Body of the replacement of one certificate of a pack. */
export const REPLACEMENT_INPUT = z
  .object(
    {
      custom_certificate: CUSTOM_CERTIFICATE_FIELDS.custom_certificate,
      custom_key: CUSTOM_CERTIFICATE_FIELDS.custom_key,
      custom_csr_id: CUSTOM_CERTIFICATE_FIELDS.custom_csr_id,
    },
    'must be a JSON object',
  )
  .superRefine((input, context) => {
    if (!input.custom_certificate) addMissingCertificate(context)
    else checkPair(input, context)
  })
  .meta({ id: 'CertificateReplacement' })

/** Empty strings and lists are how some clients write "not given". */
export function bringsCertificate(input: CustomCertificateInput): boolean {
  return Boolean(input.custom_certificate) || Boolean(input.custom_cert_bundle?.length)
}

/** What belongs together; what is in the certificates is looked at later. */
export function checkCustomCertificate(
  input: CustomCertificateInput,
  context: z.RefinementCtx,
): void {
  const isPair = input.custom_certificate || input.custom_key || input.custom_csr_id
  if (!isPair) return
  if (input.custom_cert_bundle?.length) {
    const message = 'must not be sent together with one certificate'
    const path = ['custom_cert_bundle']
    context.addIssue({ code: 'custom', path, message, ...fault('ssl-invalid') })
  } else if (!input.custom_certificate) addMissingCertificate(context)
  else checkPair(input, context)
}

function addMissingCertificate(context: z.RefinementCtx): void {
  const message = 'is required'
  const path = ['custom_certificate']
  context.addIssue({ code: 'custom', path, message, ...fault('certificate-empty') })
}

function checkPair(
  { custom_key, custom_csr_id }: CustomCertificateInput,
  context: z.RefinementCtx,
): void {
  if (!custom_key && !custom_csr_id) {
    const message = 'is required with custom_certificate, or custom_csr_id in its place'
    const path = ['custom_key']
    context.addIssue({ code: 'custom', path, message, ...fault('key-unusable') })
  }
  if (custom_key && custom_csr_id) {
    const message = 'must not be sent together with custom_key'
    const path = ['custom_csr_id']
    context.addIssue({ code: 'custom', path, message, ...fault('ssl-invalid') })
  }
}

/** Uploads that were read, and whether a certificate of another algorithm stays beside them. */
export interface ReadUploads {
  certificates: readonly Certificate[]
  isBundle: boolean
}

/**
 * Reads what an input brings, if anything.
 *
 * @throws {ApiError} the first rule that is broken
 */
export async function readUploads(
  uploads: UploadReader,
  input: CustomCertificateInput,
  target: UploadTarget,
): Promise<ReadUploads | undefined> {
  const bundle = input.custom_cert_bundle ?? []
  if (bundle.length === 0) {
    if (!input.custom_certificate) return undefined
    const certificate = await readCertificate(uploads, input, { ...target, pointer: '/ssl' })
    return { certificates: [certificate], isBundle: false }
  }
  const certificates: Certificate[] = []
  for (const [index, pair] of bundle.entries()) {
    const pointer = `/ssl/custom_cert_bundle/${index}`
    certificates.push(await readCertificate(uploads, pair, { ...target, pointer }))
  }
  checkOneOfEach(certificates)
  return { certificates, isBundle: true }
}

function checkOneOfEach([first, second]: readonly Certificate[]): void {
  if (!first || !second || first.keyAlgorithm !== second.keyAlgorithm) return
  const kind = first.keyAlgorithm.toUpperCase()
  const reason = `custom_cert_bundle must have one RSA and one ECDSA certificate: received two ${kind}`
  throw new ApiError('ssl-invalid', { reason, pointer: '/ssl/custom_cert_bundle' })
}

/** @param target.pointer to the object that has the fields */
export async function readCertificate(
  uploads: UploadReader,
  input: CustomCertificateInput,
  { pointer, ...target }: UploadTarget & { pointer: string },
): Promise<Certificate> {
  try {
    return await uploads.read(toUpload(input), target)
  } catch (error) {
    throw error instanceof UploadError ? toApiError(error, pointer) : error
  }
}

function toUpload(input: CustomCertificateInput): Upload {
  const { custom_certificate, custom_key, custom_csr_id } = input
  const key = custom_csr_id ? { csrId: custom_csr_id.toLowerCase() } : { pem: custom_key ?? '' }
  return { certificates: custom_certificate ?? '', key }
}

const KINDS = {
  unreadable: 'certificate-unreadable',
  empty: 'certificate-empty',
  'several-leaves': 'certificate-several-leaves',
  'no-leaf': 'certificate-no-leaf',
  'not-covered': 'certificate-not-covering',
  signature: 'certificate-signature',
  untrusted: 'certificate-untrusted',
  'key-unusable': 'key-unusable',
  'key-mismatch': 'key-mismatch',
  'csr-not-found': 'certificate-csr-not-found',
} as const satisfies Record<UploadProblem, ApiErrorKind>

function toApiError({ problem, message }: UploadError, pointer: string): ApiError {
  return new ApiError(KINDS[problem], {
    reason: message,
    pointer: `${pointer}/${fieldOf(problem)}`,
  })
}

function fieldOf(problem: UploadProblem): keyof CustomCertificateInput {
  if (problem === 'csr-not-found') return 'custom_csr_id'
  const isOfKey = problem === 'key-unusable' || problem === 'key-mismatch'
  return isOfKey ? 'custom_key' : 'custom_certificate'
}

/** Another request removed the CSR while its certificate was looked at. */
export function csrGone(error: Error): ApiError {
  return new ApiError('certificate-csr-not-found', { reason: error.message })
}
