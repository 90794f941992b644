import {
  Counter,
  Gauge,
  AggregatorRegistry,
  Registry,
  type MetricObjectWithValues,
  type MetricValue,
} from 'prom-client'

/**
 * Prometheus metrics whose hot side is a plain number: code holds a `Cell` and adds to its `value`;
 * the library sees the numbers only when somebody scrapes.
 */
export interface Cell {
  value: number
}

export interface MetricOptions<Label extends string> {
  /** Full name, such as `custos_edge_requests_total`. */
  name: string
  help: string
  labelNames?: readonly Label[]
}

/** A metric's cells by label values; a cell is made at its first use. */
export class MetricFamily<Label extends string> {
  readonly #cells = new Map<string, { labels: Record<Label, string>; cell: Cell }>()

  /** The cell for these label values. Keep it where it is used often. */
  cell(labels: Record<Label, string>): Cell {
    const key = JSON.stringify(labels)
    const known = this.#cells.get(key)
    if (known) return known.cell
    const cell: Cell = { value: 0 }
    this.#cells.set(key, { labels, cell })
    return cell
  }

  /** Forgets all cells: for gauges that are computed anew at each scrape. */
  clear(): void {
    this.#cells.clear()
  }

  entries(): IterableIterator<{ labels: Record<Label, string>; cell: Cell }> {
    return this.#cells.values()
  }
}

/** The metrics of one process. */
export class Metrics {
  readonly registry = new Registry()

  counter<Label extends string = never>(options: MetricOptions<Label>): MetricFamily<Label> {
    const family = new MetricFamily<Label>()
    const counter = new Counter({
      ...describe(options),
      registers: [this.registry],
      collect() {
        counter.reset()
        for (const { labels, cell } of family.entries()) counter.inc(labels, cell.value)
      },
    })
    return family
  }

  /** @param refresh called before each scrape, to set the cells */
  gauge<Label extends string = never>(
    options: MetricOptions<Label>,
    refresh?: (family: MetricFamily<Label>) => void | Promise<void>,
  ): MetricFamily<Label> {
    const family = new MetricFamily<Label>()
    const gauge = new Gauge({
      ...describe(options),
      registers: [this.registry],
      async collect() {
        await refresh?.(family)
        gauge.reset()
        for (const { labels, cell } of family.entries()) gauge.set(labels, cell.value)
      },
    })
    return family
  }

  /** All values now, in a form that can be sent to another process. */
  snapshot(): Promise<MetricSnapshot> {
    return this.registry.getMetricsAsJSON()
  }
}

export type MetricSnapshot = MetricObjectWithValues<MetricValue<string>>[]

/** Adds up what several processes measured and renders it in the Prometheus text format. */
export async function renderMetrics(snapshots: readonly MetricSnapshot[]): Promise<string> {
  return AggregatorRegistry.aggregate([...snapshots]).metrics()
}

function describe<Label extends string>(
  options: MetricOptions<Label>,
): { name: string; help: string; labelNames: Label[] } {
  const { name, help, labelNames = [] } = options
  return { name, help, labelNames: [...labelNames] }
}
