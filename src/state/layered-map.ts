/**
 * A map of builds that makes its successors cheaply: changes lie over a base that they share, until there are so many
 * that a new base pays.
 */
import type { Build } from './build.ts'
import { deepFreeze } from './json.ts'

/** Changes of a state by name; null removes. Builds need not be frozen: each is when it is first asked for. */
export type Changes = ReadonlyMap<string, Build | null>

const MERGE_FROM = 256

export class LayeredMap {
  readonly #base: Map<string, Build>
  /** What lies over a base that is shared; null when the base is not shared. */
  readonly #over: Map<string, Build | null> | null
  #size: number

  private constructor(base: Map<string, Build>, over: Map<string, Build | null> | null, size: number) {
    this.#base = base
    this.#over = over
    this.#size = size
  }

  /** @param builds The map's own from now on. They need not be frozen: each is when it is first asked for. */
  static of(builds: Map<string, Build>): LayeredMap {
    return new LayeredMap(builds, null, builds.size)
  }

  get size(): number {
    return this.#size
  }

  get(name: string): Build | null {
    if (this.#over !== null) {
      const changed = this.#over.get(name)
      if (changed !== undefined) return deepFreeze(changed)
    }
    return deepFreeze(this.#base.get(name) ?? null)
  }

  *values(): IterableIterator<Build> {
    for (const [name, build] of this.#base) if (!this.#over?.has(name)) yield deepFreeze(build)
    for (const build of this.#over?.values() ?? []) if (build) yield deepFreeze(build)
  }

  /** Another map with these changes. This one stays as it is, if it absorbs nothing any more. */
  with(changes: Changes): LayeredMap {
    return new LayeredMap(this.#base, new Map(this.#over), this.#size).absorb(changes)
  }

  /** A map with these changes, made of this one, which must not be used any more. */
  absorb(changes: Changes): LayeredMap {
    for (const [name, build] of changes) {
      this.#size += Number(build !== null) - Number(this.#has(name))
      if (this.#over) this.#over.set(name, build)
      else put(this.#base, name, build)
    }
    if (this.#over === null || this.#over.size < MERGE_FROM) return this
    // Copying a whole map is quicker than filling one.
    const base = new Map(this.#base)
    for (const [name, build] of this.#over) put(base, name, build)
    return LayeredMap.of(base)
  }

  #has(name: string): boolean {
    const changed = this.#over?.get(name)
    return changed === undefined ? this.#base.has(name) : changed !== null
  }
}

function put(builds: Map<string, Build>, name: string, build: Build | null): void {
  if (build) builds.set(name, build)
  else builds.delete(name)
}
