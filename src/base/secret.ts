import { createHash, timingSafeEqual } from 'node:crypto'
import { inspect } from 'node:util'

/** A text that must not reach a log, an error or a printed configuration: it shows itself as `***`. */
export class Secret {
  readonly #text: string

  constructor(text: string) {
    this.#text = text
  }

  /** The text itself. Call this only where it is used. */
  reveal(): string {
    return this.#text
  }

  /** Compares in a time that tells nothing about either text, lengths included. */
  equals(other: string): boolean {
    const digest = (text: string) => createHash('sha256').update(text).digest()
    return timingSafeEqual(digest(this.#text), digest(other))
  }

  toString(): string {
    return '***'
  }

  toJSON(): string {
    return '***'
  }

  [inspect.custom](): string {
    return '***'
  }
}
