/** Keeps one build's record in the state in step with what happens, under the lock of the operation. */
import { HoldfastError } from '../base/index.ts'
import type { Lock } from '../lock/index.ts'
import type { Build, Draft, StateManager } from '../state/index.ts'

export interface RecorderTerms {
  readonly manager: StateManager
  readonly lock: Lock
  /** Called after each save. */
  readonly onSaved: (build: Build) => void
  /** Called when a save failed that will be tried again. */
  readonly onTrouble: (error: HoldfastError) => void
}

/**
 * Each version is one legal step from the one before; several may go into one save. While the disk is full they wait,
 * and Packer runs on: nothing is lost as long as there is space again by the end.
 */
export class Recorder {
  readonly #terms: RecorderTerms
  #build: Build
  #unsaved: Build[] = []

  /** @param build As it is in the state, or a first version that is not there yet. */
  constructor(terms: RecorderTerms, build: Build) {
    this.#terms = terms
    this.#build = build
  }

  /** The newest version, saved or not. */
  get build(): Build {
    return this.#build
  }

  /** Saves these versions, the last of which is the newest. @throws LOCK_LOST, STATE_DAMAGED, ...; not NO_SPACE. */
  async record(...versions: readonly Build[]): Promise<void> {
    this.#add(versions)
    try {
      await this.#save()
    } catch (error) {
      if (!(error instanceof HoldfastError) || error.code !== 'NO_SPACE') throw error
      this.#terms.onTrouble(error)
    }
  }

  /** The same for what must be saved before anything else may happen. @throws NO_SPACE too. */
  async commit(...versions: readonly Build[]): Promise<void> {
    this.#add(versions)
    await this.#save()
  }

  /** Whether another build has the lock now: that one follows our run, or ends it, whatever suits it. */
  async isTakenOver(): Promise<boolean> {
    const holder = await this.#terms.manager.holder().catch(() => null)
    return holder?.status === 'held' && holder.operation === 'build' && holder.id !== this.#terms.lock.id
  }

  #add(versions: readonly Build[]): void {
    this.#unsaved.push(...versions)
    this.#build = versions.at(-1) ?? this.#build
  }

  async #save(): Promise<void> {
    const versions = this.#unsaved
    if (versions.length === 0) return
    const { manager, lock } = this.#terms
    const put = async (draft: Draft) => {
      for (const version of versions) await draft.put(version)
    }
    await manager.update(put, { lock, operation: `build ${this.#build.name}: ${this.#build.status}` })
    this.#unsaved = this.#unsaved.slice(versions.length)
    this.#terms.onSaved(this.#build)
  }
}
