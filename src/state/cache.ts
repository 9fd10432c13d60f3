/**
 * Builds that were read, as frozen objects, good for the serial that they were read at. Either some of them, the oldest
 * making room for new ones, or, once the whole state was loaded, all.
 */
import type { Build } from './build.ts'
import type { Changes, LayeredMap } from './layered-map.ts'

/** Builds kept of a state that was never loaded whole. */
const MAX_BUILDS = 10_000

export class BuildCache {
  serial = 0
  #whole: LayeredMap | null = null
  /** Whether a caller has the map of all builds. */
  #isLent = false
  readonly #some = new Map<string, Build | null>()

  /** How many builds are known, or known not to be there. */
  get size(): number {
    return this.#whole ? this.#whole.size : this.#some.size
  }

  /** How many builds there are, or null when not all are known. */
  get count(): number | null {
    return this.#whole && this.#whole.size
  }

  /** All builds, for the caller to keep, or null when not all are known. */
  lend(): LayeredMap | null {
    this.#isLent = true
    return this.#whole
  }

  /** The build, null when it is known that there is none, undefined when that is not known. */
  get(name: string): Build | null | undefined {
    return this.#whole ? this.#whole.get(name) : this.#some.get(name)
  }

  put(name: string, build: Build | null): void {
    if (this.#whole) return
    if (this.#some.size >= MAX_BUILDS) this.#some.delete(this.#some.keys().next().value ?? '')
    this.#some.set(name, build)
  }

  setWhole(serial: number, builds: LayeredMap): void {
    this.serial = serial
    this.#whole = builds
    this.#isLent = false
    this.#some.clear()
  }

  /** The state moved on to `serial` by these changes. */
  advance(serial: number, changes: Changes): void {
    this.serial = serial
    if (this.#whole) this.#whole = this.#isLent ? this.#whole.with(changes) : this.#whole.absorb(changes)
    else for (const [name, build] of changes) this.put(name, build)
    this.#isLent = false
  }

  /** The state moved on to `serial`; of these builds it is not known how (null: of none). */
  forget(serial: number, names: Iterable<string> | null): void {
    this.serial = serial
    this.#whole = null
    if (names === null) this.#some.clear()
    else for (const name of names) this.#some.delete(name)
  }
}
