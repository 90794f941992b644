import { createIssuers } from '#control/ca/issuers.ts'
import type { Budget } from '#control/ca/budget.ts'
import { giveBackDropped } from '#control/lifecycle/dropped-orders.ts'
import { createHostnameWorker } from '#control/lifecycle/hostname-worker.ts'
import type { Inspector } from '#control/lifecycle/inspector.ts'
import type { Worker } from '#control/lifecycle/lifecycle.ts'
import { createOutages, type Outages } from '#control/lifecycle/outages.ts'
import { createRenewalPace, type RenewalPace } from '#control/lifecycle/renewal-pace.ts'
import { dueAt } from '#domain/custom-hostname.ts'
import { silentLogger } from '#lib/log.ts'
import type { CaProgress } from '#store/outages.ts'

import { Agenda, type Entry } from './agenda.ts'
import { drawArrival } from './arrivals.ts'
import { createLedgerBudget } from './ledger-budget.ts'
import type { LimitAnchor } from './ca-limits-model.ts'
import { createCaModel, type CaModel } from './ca-model.ts'
import { createCustomers, createInspector, TELLS_AFTER_MS, type Customers } from './customers.ts'
import { Fleet } from './fleet.ts'
import { createJournal, type Journal } from './journal.ts'
import { MemoryBudgetStore } from './memory-budget-store.ts'
import { createObserver, type Observer } from './observer.ts'
import { paperKeyMaker, paperSealer } from './paper-certificates.ts'
import type { Scenario } from './scenario.ts'
import { createSeededRandom } from './seeded-random.ts'
import { createSimulatedClock, type SimulatedClock } from './simulated-clock.ts'
import { DAY } from './units.ts'

export interface Outcome {
  scenario: Scenario
  journal: Journal
  violations: ReadonlyMap<LimitAnchor, number>
  brokenCustomers: number
}

/** Parts of the product that a test breaks, to see that the verdicts notice. */
export interface Faults {
  budget?: Budget
  pace?: RenewalPace
  inspector?: Partial<Inspector>
  outages?: Outages
}

export interface SimulateOptions {
  faults?: Faults
  /** Called once a simulated day. */
  onDay?: (at: number) => void
}

/** Carries the scenario's hostnames through its time, with the product's own lifecycle code. */
export async function simulate(
  scenario: Scenario,
  options: SimulateOptions = {},
): Promise<Outcome> {
  const world = createWorld(scenario, options)
  for (let done = 1; ; done++) {
    if (done % BREATH === 0) await breathe()
    const next = world.agenda.take()
    if (!next || next.at >= scenario.endAt) break
    world.clock.moveTo(Math.max(next.at, world.clock.now()))
    await act(next, world)
  }
  const { journal, customers, ca } = world
  return { scenario, journal, violations: ca.violations, brokenCustomers: customers.brokenCount }
}

/** So many things are done before the event loop has its turn. */
const BREATH = 500

/**
 * What weak references point to is kept until the event loop goes on (ECMAScript, KeepDuringJob);
 * signals have some, and promises alone would never let it.
 */
function breathe(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

interface World {
  scenario: Scenario
  clock: SimulatedClock
  agenda: Agenda
  /** By hostname, when it is on the agenda: other entries mean nothing any more. */
  planned: Float64Array
  customers: Customers
  fleet: Fleet
  worker: Worker
  observer: Observer
  journal: Journal
  ca: CaModel
  onDay: (at: number) => void
}

function createWorld(
  scenario: Scenario,
  { faults = {}, onDay = () => {} }: SimulateOptions,
): World {
  const clock = createSimulatedClock(scenario.startAt)
  const journal = createJournal(scenario)
  const customers = createCustomers(scenario, createSeededRandom(scenario.seed))
  const observer = createObserver({ scenario, customers, journal })
  const fleet = new Fleet((change) => observer.onChange(change, clock.now()))
  const ca = createCaModel({ scenario, customers, clock, journal })
  const planned = new Float64Array(scenario.hostnames)
  const agenda = createAgenda(scenario, { customers, planned })
  const parts = { scenario, clock, agenda, planned, customers, fleet, observer, journal, ca, onDay }
  return { ...parts, worker: createWorker(parts, faults) }
}

function createWorker(
  { scenario, clock, customers, fleet, journal, ca }: Omit<World, 'worker'>,
  faults: Faults,
): Worker {
  const onLook = (hostname: string): void => {
    if (!customers.isFine(hostname, clock.now())) journal.noteLook()
  }
  const store = { budget: new MemoryBudgetStore(), hostnames: fleet.hostnames }
  const budget = faults.budget ?? createLedgerBudget({ scenario, store, clock })
  return createHostnameWorker({
    store: fleet,
    issuers: createIssuers([ca]),
    budget,
    pace: faults.pace ?? createRenewalPace({ store, clock }),
    outages: faults.outages ?? createRestartedOutages(scenario, clock),
    inspector: { ...createInspector(customers, { clock, onLook }), ...faults.inspector },
    keyMaker: paperKeyMaker,
    sealer: paperSealer,
    clock,
    random: createSeededRandom(scenario.seed + 1),
    log: silentLogger,
    deployments: { whenApplied: async () => true },
    defaultCnameTarget: undefined,
    findCertificate: (id) => fleet.findCertificate(id),
    putAnswers: async () => {},
    removeAnswers: async () => {},
    dropOrders: (before, after) => giveBackDropped(before, after, budget),
    isDelegated: async () => false,
    isServedElsewhere: async () => false,
    publishNow: async () => false,
    onFact: () => {},
  })
}

/**
 * What is on the agenda, as numbers: below `hostnames` that one is created or due; `hostnames` itself
 * is the daily survey; above, somebody asks for the hostname of the rest to be looked at.
 */
/** As each process has them: the next one knows what the last one has stored. */
function createRestartedOutages(
  { restarts = [] }: Pick<Scenario, 'restarts'>,
  clock: SimulatedClock,
): Outages {
  const stored = new Map<string, CaProgress>()
  const start = (): Outages =>
    createOutages(clock, {
      known: [...stored.values()],
      onChange: (progress) => void stored.set(progress.ca, progress),
    })
  let outages = start()
  let count = 0
  const current = (): Outages => {
    const begun = restarts.filter((at) => at <= clock.now()).length
    if (begun > count) outages = start()
    count = begun
    return outages
  }
  return {
    note: (ca) => current().note(ca),
    clear: (ca) => current().clear(ca),
    isAway: (ca) => current().isAway(ca),
    servedAt: (ca, turn) => current().servedAt(ca, turn),
  }
}

function createAgenda(
  scenario: Scenario,
  { customers, planned }: Pick<World, 'customers' | 'planned'>,
): Agenda {
  const { hostnames, startAt, endAt, seed } = scenario
  const random = createSeededRandom(seed + 2)
  const agenda = new Agenda()
  for (let index = 0; index < hostnames; index++) {
    const createdAt = drawArrival(scenario, random)
    planned[index] = createdAt
    agenda.add(createdAt, index)
    const { breakage } = customers.customerOf(index)
    const told = (breakage?.end ?? Infinity) + random.fraction() * TELLS_AFTER_MS
    if (told < endAt) agenda.add(told, hostnames + 1 + index)
  }
  for (let at = startAt; at < endAt; at += DAY) agenda.add(at, hostnames)
  return agenda
}

async function act({ what, at }: Entry, world: World): Promise<void> {
  const { scenario, clock, planned, observer, fleet, onDay } = world
  const now = clock.now()
  if (what === scenario.hostnames) {
    observer.survey(now)
    return onDay(now)
  }
  if (what < scenario.hostnames) return planned[what] === at ? lookAfter(what, world) : undefined
  const index = what - scenario.hostnames - 1
  fleet.refresh(index, now)
  return lookAfter(index, world)
}

/** Works on one hostname until nothing of it is due, as the lifecycle loop does. */
async function lookAfter(index: number, world: World): Promise<void> {
  const { clock, agenda, planned, customers, fleet, worker } = world
  const now = clock.now()
  const hostname = customers.hostnames[index]
  if (!fleet.find(index) && hostname) fleet.create(index, { hostname, now })
  // A signal of its own, as in the product: one for all would remember whoever derived from it.
  const { signal } = new AbortController()
  await worker.work(String(index), { signal, opened: () => {} })
  fleet.deploy(index, now)
  const record = fleet.find(index)
  const due = record && dueAt(record)
  planned[index] = due ?? Infinity
  if (due !== undefined) agenda.add(due, index)
}
