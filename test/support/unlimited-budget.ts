import type { Budget } from '#control/ca/budget.ts'

/** Of a CA without limits. */
export const UNLIMITED: Budget = {
  take: async () => ({ granted: true }),
  giveBack: async () => {},
  mayValidate: async () => ({ granted: true }),
  noteFailedValidation: async () => {},
  noteLimited: async () => {},
}
