import { describe, expect, it } from 'vitest'

import {
  DOCUMENT_VERSION,
  parseDocument,
  renderDocument,
} from '#store/sql/custom-hostname-document.ts'
import type { Issuance } from '#domain/issuance.ts'
import { withNewIssuance } from '#domain/managed-chain.ts'
import { anOrderAt } from '#test/fake-issuer.ts'
import { anActiveHostname, withIssuance } from '#test/records.ts'

describe('the stored document of a custom hostname', () => {
  it('reads what it writes', () => {
    const active = anActiveHostname()
    const chains = active.chains.map((chain) => withNewIssuance(chain, 1))
    const record = { ...active, chains }
    expect(chains).toMatchObject([{ isOutdated: true }, { isOutdated: true }])
    expect(record).toMatchObject(parseDocument(renderDocument(record), DOCUMENT_VERSION))
  })

  it('reads all that a chain on its way may carry', () => {
    const history = { nextAt: 5, failures: 2, failingSince: 4, avoid: ['one'] }
    const open = {
      ...history,
      order: {
        ...anOrderAt('one', ['a.com', '*.a.com']),
        provedAlone: true as const,
        taken: { exemption: 'renewal' as const, at: 1 },
      },
      since: 3,
      awaySince: 2,
    }
    const issuances: Issuance[] = [
      {
        state: 'scheduled',
        ...history,
        attempts: 1,
        problem: 'p',
        turn: 6,
        afterSibling: true,
        wasUnready: true,
        awaitsProof: true,
      },
      { state: 'ordered', ...open, attempts: 1, problem: 'p', wasUnready: true, awaitsProof: true },
      { state: 'validating', ...open, via: 'dns-01' },
      { state: 'finalizing', ...open, certificateId: 'c', sealedKey: 'k' },
      {
        state: 'deploying',
        certificateId: 'c',
        serial: 1,
        renewAt: 2,
        checkAt: 1,
        nextAt: 3,
        failures: 0,
      },
      {
        state: 'issued',
        certificateId: 'c',
        renewAt: 2,
        nextAt: 1,
        failures: 0,
        renewalInfo: { window: { start: 1, end: 2 }, explanationUrl: 'https://ca.test/why' },
      },
      { state: 'uploaded', certificateId: 'c' },
    ]
    for (const issuance of issuances) {
      const record = withIssuance(anActiveHostname(), 'rsa', issuance)
      expect(record).toMatchObject(parseDocument(renderDocument(record), DOCUMENT_VERSION))
    }
  })

  it('reads its first shape, in which an issued chain had one instant only', () => {
    const record = anActiveHostname()
    const first: unknown = JSON.parse(renderDocument(record), (key, value) =>
      key === 'renewAt' ? undefined : value,
    )
    expect(JSON.stringify(first)).not.toContain('renewAt')
    expect(record).toMatchObject(parseDocument(JSON.stringify(first), 1))
  })

  it('refuses a shape that it does not know', () => {
    const text = renderDocument(anActiveHostname())
    expect(() => parseDocument(text, DOCUMENT_VERSION + 1)).toThrow('unknown document version 3')
  })
})
