export interface Entry {
  at: number
  /** What is to happen, as a number: there are hundreds of thousands. */
  what: number
}

/**
 * What happens when: a binary heap in two flat arrays, the earliest first. An entry cannot be taken
 * back; whoever takes one looks whether it still means anything.
 */
export class Agenda {
  readonly #at: number[] = []
  readonly #what: number[] = []

  add(at: number, what: number): void {
    let child = this.#at.length
    this.#at.push(at)
    this.#what.push(what)
    while (child > 0) {
      const parent = (child - 1) >> 1
      if (this.#atOf(parent) <= at) break
      this.#move(parent, child)
      child = parent
    }
    this.#put(child, { at, what })
  }

  take(): Entry | undefined {
    const at = this.#at[0]
    const what = this.#what[0]
    const last = { at: this.#at.pop() ?? 0, what: this.#what.pop() ?? 0 }
    if (at === undefined || what === undefined) return undefined
    if (this.#at.length > 0) this.#sink(last)
    return { at, what }
  }

  /** Puts the entry in the place of the first one. */
  #sink(entry: Entry): void {
    const { length } = this.#at
    let parent = 0
    for (;;) {
      let child = 2 * parent + 1
      if (child + 1 < length && this.#atOf(child + 1) < this.#atOf(child)) child++
      if (child >= length || this.#atOf(child) >= entry.at) break
      this.#move(child, parent)
      parent = child
    }
    this.#put(parent, entry)
  }

  #atOf(index: number): number {
    return this.#at[index] ?? Infinity
  }

  #move(from: number, to: number): void {
    this.#at[to] = this.#at[from] ?? 0
    this.#what[to] = this.#what[from] ?? 0
  }

  #put(index: number, { at, what }: Entry): void {
    this.#at[index] = at
    this.#what[index] = what
  }
}
