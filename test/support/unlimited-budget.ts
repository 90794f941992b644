import type { Budget } from '#control/ca/budget.ts'

/** Of a CA without limits: one that refuses all the same is not asked again. */
export const UNLIMITED: Budget = {
  take: async () => ({ granted: true }),
  giveBack: async () => {},
  mayValidate: async () => ({ granted: true }),
  noteFailedValidation: async () => {},
  noteValidation: async () => {},
  noteLimited: async () => Date.UTC(2100, 0),
}
