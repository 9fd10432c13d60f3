/**
 * Whether a state's file is still the one under its path. A restore puts another in its place; what is written to this
 * one then would be lost.
 */
import { closeSync, existsSync, openSync, statSync } from 'node:fs'
import { HoldfastError } from '../../base/index.ts'
import type { Fence } from '../state-store.ts'

/**
 * How long a holder of the state's lock saves without looking again, which would be among the dearest parts of a save. No
 * restore can come while it holds the lock (one by a later holder raises the fence in this file first); a person with `mv`
 * could.
 */
const TRUST_MS = 100

export class FileInPlace {
  readonly #path: string
  readonly #inode: number
  #trusted: { fences: readonly Fence[] | null; untilMs: number } = { fences: null, untilMs: 0 }

  private constructor(path: string, inode: number) {
    this.#path = path
    this.#inode = inode
  }

  /** To be called before the file is opened: only so can what was opened be told from what came later. Makes one that is missing. */
  static at(path: string): FileInPlace {
    if (!existsSync(path)) closeSync(openSync(path, 'a'))
    return new FileInPlace(path, statSync(path).ino)
  }

  isInPlace(): boolean {
    return statSync(this.#path, { throwIfNoEntry: false })?.ino === this.#inode
  }

  /** @throws STATE_REPLACED. */
  assert(): void {
    if (this.isInPlace()) return
    throw new HoldfastError('STATE_REPLACED', `the state in ${this.#path} was restored or removed meanwhile`, {
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
