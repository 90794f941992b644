import { describe, expect, it } from 'vitest'

import {
  DOCUMENT_VERSION,
  parseDocument,
  renderDocument,
} from '#store/sql/custom-hostname-document.ts'
import { anActiveHostname } from '#test/records.ts'

describe('the stored document of a custom hostname', () => {
  it('reads what it writes', () => {
    const record = anActiveHostname()
    expect(record).toMatchObject(parseDocument(renderDocument(record), DOCUMENT_VERSION))
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
