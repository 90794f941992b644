import 'reflect-metadata'
import * as x509 from '@peculiar/x509'

import type { CsrSubject, CustomCsr } from '#domain/custom-csr.ts'
import type { Clock } from '#lib/clock.ts'
import type { Random } from '#lib/random.ts'
import type { Sealer } from '#lib/sealing.ts'
import { Turns } from '#lib/turns.ts'

import { exportPrivateKey, generateLeafKey, toSigningKey, type KeyPair } from '../ca/keys.ts'

export type CsrRequest = Pick<
  CustomCsr,
  'zoneId' | 'keyAlgorithm' | 'subject' | 'sans' | 'name' | 'description'
>

/** Makes requests that callers take to a CA of their own; the key is made here and kept sealed. */
export interface CsrMaker {
  /** @throws {CrowdedError} while too many are being made */
  make(request: CsrRequest): Promise<CustomCsr>
}

export interface CsrMakerOptions {
  sealer: Sealer
  clock: Clock
  random: Random
  /** Requests that wait for others' keys. @default 100 */
  maxWaiting?: number
}

/** An RSA key takes a tenth of a second of one of Node's four threads, which orders need too. */
const AT_ONCE = 2

export function createCsrMaker(options: CsrMakerOptions): CsrMaker {
  const { sealer, clock, random, maxWaiting = 100 } = options
  const turns = new Turns({ atOnce: AT_ONCE, maxWaiting })
  return {
    async make(request) {
      const id = random.uuid()
      const keys = await turns.run(() => generateLeafKey(request.keyAlgorithm))
      return {
        ...request,
        id,
        createdAt: clock.now(),
        csr: await signRequest(keys, request),
        sealedKey: sealer.seal(exportPrivateKey(keys.privateKey), id),
      }
    },
  }
}

/** PKCS #10 (RFC 2986) with a subject, as organization-validated certificates need. */
async function signRequest(keys: KeyPair, { subject, sans }: CsrRequest): Promise<Uint8Array> {
  const names = sans.map((value) => ({ type: 'dns' as const, value }))
  const csr = await x509.Pkcs10CertificateRequestGenerator.create({
    name: nameOf(subject),
    keys: {
      privateKey: toSigningKey(keys.privateKey),
      publicKey: toSigningKey(keys.publicKey),
    },
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    extensions: [new x509.SubjectAlternativeNameExtension(names)],
  })
  return new Uint8Array(csr.rawData)
}

/** From the country down to the name, each attribute in its type (RFC 5280 appendix A.1). */
function nameOf(subject: CsrSubject): x509.Name {
  const { country, state, locality, organization, organizationalUnit, commonName } = subject
  return new x509.Name([
    { C: [{ printableString: country }] },
    { ST: [{ utf8String: state }] },
    { L: [{ utf8String: locality }] },
    { O: [{ utf8String: organization }] },
    ...(organizationalUnit ? [{ OU: [{ utf8String: organizationalUnit }] }] : []),
    { CN: [{ utf8String: commonName }] },
  ])
}
