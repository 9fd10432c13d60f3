/**
 * An immutable map of builds that makes its successors cheaply: changes lie over a base that they share, until there are
 * so many that a new base pays.
 */
import type { Build } from './build.ts'
import { deepFreeze } from './json.ts'

/** Changes of a state by name; null removes. */
export type Changes = ReadonlyMap<string, Build | null>

const MERGE_FROM = 256
const NONE: Changes = new Map()

export class LayeredMap {
  readonly size: number
  readonly #base: ReadonlyMap<string, Build>
  readonly #over: Changes

  /** @param base Need not be frozen, if nobody else has it: each build is when it is first asked for. */
  constructor(base: ReadonlyMap<string, Build>, over: Changes = NONE) {
    this.#base = base
    this.#over = over
    let size = base.size
    for (const [name, build] of over) size += Number(build !== null) - Number(base.has(name))
    this.size = size
  }

  get(name: string): Build | null {
    if (this.#over.size > 0) {
      const changed = this.#over.get(name)
      if (changed !== undefined) return changed
    }
    return deepFreeze(this.#base.get(name) ?? null)
  }

  *values(): IterableIterator<Build> {
    for (const [name, build] of this.#base) if (!this.#over.has(name)) yield deepFreeze(build)
    for (const build of this.#over.values()) if (build) yield build
  }

  with(changes: Changes): LayeredMap {
    const over = new Map([...this.#over, ...changes])
    if (over.size < MERGE_FROM) return new LayeredMap(this.#base, over)
    const base = new Map(this.#base)
    for (const [name, build] of over) {
      if (build) base.set(name, build)
      else base.delete(name)
    }
    return new LayeredMap(base)
  }
}
