/** Random choices that can be repeated: `TEST_SEED=N npm test`. The check prints the seed of its run. */
import { randomInt } from 'node:crypto'

/** The seed of this run of tests. */
export const SEED = Number(process.env['TEST_SEED']) || randomInt(1, 2 ** 31)

/** A generator of whole numbers from 0 up to but not including `below`: mulberry32 (public domain, Tommy Ettinger). */
export function generator(seed: number = SEED): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}
