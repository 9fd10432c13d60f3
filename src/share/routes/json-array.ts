/**
 * A long array as JSON text, made piece by piece: the objects are garbage at once, and the text lies outside the JS
 * heap.
 */
export class JsonArray {
  readonly #pieces: Buffer[] = []
  #pending = ''
  #isEmpty = true

  push(item: unknown): void {
    this.#pending += (this.#isEmpty ? '' : ',') + JSON.stringify(item)
    this.#isEmpty = false
    if (this.#pending.length >= PIECE_LENGTH) this.#flush()
  }

  /** An object with the array under `name`, followed by the members of `rest`. */
  wrap(name: string, rest: Record<string, unknown>): Buffer {
    this.#flush()
    const [head, tail] = [`{${JSON.stringify(name)}:[`, `],${JSON.stringify(rest).slice(1)}`]
    return Buffer.concat([Buffer.from(head), ...this.#pieces, Buffer.from(tail)])
  }

  #flush(): void {
    this.#pieces.push(Buffer.from(this.#pending))
    this.#pending = ''
  }
}

/** UTF-16 units of a piece. */
const PIECE_LENGTH = 64 * 1024
