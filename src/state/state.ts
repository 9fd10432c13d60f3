/** A state as one save left it, wholly in memory. */
import type { Build } from './build.ts'
import type { Changes, LayeredMap } from './layered-map.ts'
import { parseBuild } from './parse-build.ts'
import { assertTransition } from './transitions.ts'
import { StateError } from './errors.ts'

/** The version of the shape of builds and states. */
export const STATE_VERSION = 1

const NONE: Changes = new Map()

/**
 * An immutable state: no save changes it, and `with` and `without` make another one, which `StateManager.save`
 * writes. Changes lie over the builds that were loaded, so a change costs the same however big the state is.
 */
export class State {
  readonly version = STATE_VERSION
  readonly lineage: string
  /** The save that it shows or, if it has changes, that it builds on. 0: none yet. */
  readonly serial: number
  /** What `with` and `without` made of it since it was loaded or saved. */
  readonly changes: Changes
  readonly #saved: LayeredMap

  /** For the manager, which loads states. */
  constructor(lineage: string, serial: number, saved: LayeredMap, changes = NONE) {
    this.lineage = lineage
    this.serial = serial
    this.changes = changes
    this.#saved = saved
  }

  /** The build, frozen, or null when there is none. */
  get(name: string): Build | null {
    if (this.changes.size > 0) {
      const changed = this.changes.get(name)
      if (changed !== undefined) return changed
    }
    return this.#saved.get(name)
  }

  get size(): number {
    return this.changes.size > 0 ? this.#saved.with(this.changes).size : this.#saved.size
  }

  /** All builds, in no order that means anything. */
  builds(): IterableIterator<Build> {
    return this.changes.size > 0 ? this.#saved.with(this.changes).values() : this.#saved.values()
  }

  /**
   * The state with these builds put in, or in the place of those with their names.
   * @throws INVALID_BUILD, NESTING_TOO_DEEP, ILLEGAL_TRANSITION.
   */
  with(builds: Iterable<Build>): State {
    const changes = new Map(this.changes)
    for (const given of builds) {
      const build = parseBuild(given)
      const before = changes.has(build.name) ? changes.get(build.name) : this.get(build.name)
      if (before) assertTransition(before, build)
      changes.set(build.name, build)
    }
    return new State(this.lineage, this.serial, this.#saved, changes)
  }

  /** The state without these builds. @throws NOT_FOUND when any of them is missing. */
  without(names: Iterable<string>): State {
    const changes = new Map(this.changes)
    for (const name of names) {
      if (!this.get(name)) throw new StateError('NOT_FOUND', `there is no build ${name} in the state`)
      changes.set(name, null)
    }
    return new State(this.lineage, this.serial, this.#saved, changes)
  }

  /** For the manager: this state, as the save of its changes left it. */
  savedAt(serial: number): State {
    return new State(this.lineage, serial, this.#saved.with(this.changes))
  }
}
