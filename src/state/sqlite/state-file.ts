/** Refuses to work on a state's file once a restore has put another in its place. */
import type { FileInPlace } from '../../storage/index.ts'
import type { Fence } from '../state-store.ts'
import { StateError } from '../errors.ts'

/**
 * How long a holder of the state's lock saves without looking again, which would be among the dearest parts of a
 * save. No restore can come while it holds the lock (one by a later holder raises the fence in this file first); a
 * person with `mv` could.
 */
const TRUST_MS = 100

export class StateFile {
  readonly #file: FileInPlace
  #trusted: { fences: readonly Fence[] | null; untilMs: number } = { fences: null, untilMs: 0 }

  constructor(file: FileInPlace) {
    this.#file = file
  }

  /** @throws STATE_REPLACED. */
  assert(): void {
    if (this.#file.isInPlace()) return
    throw new StateError('STATE_REPLACED', `the state in ${this.#file.path} was restored or removed meanwhile`, {
      hint: 'Open it again.',
      retryable: true,
    })
  }

  /** For a holder of the state's lock, who comes with the same array each time. @throws STATE_REPLACED. */
  assertFor(fences: readonly Fence[]): void {
    const nowMs = performance.now()
    if (fences === this.#trusted.fences && nowMs < this.#trusted.untilMs) return
    this.assert()
    this.#trusted = { fences, untilMs: nowMs + TRUST_MS }
  }
}
