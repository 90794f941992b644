import { describe } from 'vitest'

import { budgetContract } from './contract/budget.ts'
import { certificatesContract } from './contract/certificates.ts'
import { csrsContract } from './contract/csrs.ts'
import { concurrencyContract } from './contract/concurrency.ts'
import { holdsContract } from './contract/holds.ts'
import { hostnameListContract } from './contract/hostname-list.ts'
import { hostnamesContract } from './contract/hostnames.ts'
import { leasesContract } from './contract/leases.ts'
import { lifetimeContract } from './contract/lifetime.ts'
import { outboxContract } from './contract/outbox.ts'
import { misdatedContract } from './contract/misdated.ts'
import { outagesContract } from './contract/outages.ts'
import { secretsContract } from './contract/secrets.ts'
import type { OpenStore } from './contract/store-under-test.ts'
import { timelineContract } from './contract/timeline.ts'
import { zonesContract } from './contract/zones.ts'

/** What every dialect's store must do: the port's comments, one by one. */
export function storeContract(name: string, open: OpenStore): void {
  describe(`${name}`, () => {
    zonesContract(open)
    hostnamesContract(open)
    hostnameListContract(open)
    leasesContract(open)
    misdatedContract(open)
    certificatesContract(open)
    csrsContract(open)
    outboxContract(open)
    timelineContract(open)
    budgetContract(open)
    outagesContract(open)
    secretsContract(open)
    holdsContract(open)
    concurrencyContract(open)
    lifetimeContract(open)
  })
}
