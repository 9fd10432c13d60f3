/** What an update sees and changes: the state as it is now, with the changes of those before it in the same commit. */
import type { Build } from './build.ts'
import type { Changes } from './layered-map.ts'
import { parseBuild } from './parse-build.ts'
import { assertTransition } from './transitions.ts'
import { StateError } from './errors.ts'

type ReadBuild = (name: string) => Build | null | Promise<Build | null>

export class Draft {
  readonly lineage: string
  /** The serial that the update will get. */
  readonly serial: number
  readonly #read: ReadBuild
  readonly #changes = new Map<string, Build | null>()
  readonly #isFree: boolean
  readonly #before: Changes

  /**
   * @param before What the updates before this one in the same commit changed.
   * @param isFree Whether builds may go from any status to any: for rollback and import.
   */
  constructor(lineage: string, serial: number, read: ReadBuild, before: Changes, isFree: boolean) {
    this.lineage = lineage
    this.serial = serial
    this.#read = read
    this.#before = before
    this.#isFree = isFree
  }

  /** Names of builds that the store, asked now, knows as they were before the commit. */
  get changedBefore(): Iterable<string> {
    return this.#before.keys()
  }

  /** The build, frozen, or null when there is none. */
  async get(name: string): Promise<Build | null> {
    const changed = this.#changes.get(name)
    return changed === undefined ? this.#read(name) : changed
  }

  /**
   * Puts a build in, or in the place of the one with its name.
   * @throws INVALID_BUILD, NESTING_TOO_DEEP, ILLEGAL_TRANSITION; the update then saves nothing unless it catches that.
   */
  async put(given: Build): Promise<void> {
    const build = parseBuild(given)
    const before = this.#isFree ? null : await this.get(build.name)
    if (before) assertTransition(before, build)
    this.#changes.set(build.name, build)
  }

  /** Removes a build. @throws NOT_FOUND when there is none. */
  async remove(name: string): Promise<void> {
    if (!(await this.get(name))) throw new StateError('NOT_FOUND', `there is no build ${name} in the state`)
    this.#changes.set(name, null)
  }

  /** Takes over changes that were checked when they were made. */
  adopt(changes: Changes): void {
    for (const [name, build] of changes) this.#changes.set(name, build)
  }

  get changes(): Changes {
    return this.#changes
  }
}
