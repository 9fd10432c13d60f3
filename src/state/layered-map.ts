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

  /**
   * @param base Need not be frozen, if nobody else has it: each build is when it is first asked for.
   * @param over For `with`, as is `size`.
   */
  constructor(base: ReadonlyMap<string, Build>, over: Changes = NONE, size = base.size) {
    this.#base = base
    this.#over = over
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
    // Copying a whole map is quicker than filling one.
    const over = new Map(this.#over)
    let { size } = this
    for (const [name, build] of changes) {
      size += Number(build !== null) - Number(this.#has(name))
      over.set(name, build)
    }
    if (over.size < MERGE_FROM) return new LayeredMap(this.#base, over, size)
    const base = new Map(this.#base)
    for (const [name, build] of over) {
      if (build) base.set(name, build)
      else base.delete(name)
    }
    return new LayeredMap(base)
  }

  #has(name: string): boolean {
    const changed = this.#over.get(name)
    return changed === undefined ? this.#base.has(name) : changed !== null
  }
}
