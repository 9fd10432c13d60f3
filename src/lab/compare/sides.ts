/** What `compare` is pointed at: `PATH` or `PATH#TARGET`. */
import { HoldfastError } from '../../base/index.ts'
import { readResults } from '../results/run-folder.ts'
import type { CellResult } from '../results/result.ts'
import type { Side } from './comparison.ts'

/**
 * The two sides. One path alone is the two targets of its run, in the order of the plan's results.
 * @throws INVALID_REQUEST when a side is not exactly one target; LAB_RUN_UNUSABLE when a path holds no results.
 */
export function readSides(a: string, b: string | undefined): [Side, Side] {
  if (b !== undefined) return [readSide(a), readSide(b)]
  const cells = readResults(a)
  const names = targetNames(cells)
  const [first, second] = names
  if (names.length !== 2 || first === undefined || second === undefined) {
    throw new HoldfastError('INVALID_REQUEST', `${a} has the targets ${names.join(', ')}: there is no second side`, {
      hint: `Name both: holdfast compare ${a}#${first} ${a}#OTHER`,
    })
  }
  return [sideOf(cells, first), sideOf(cells, second)]
}

function readSide(given: string): Side {
  const [, path = given, name] = /^(.*)#([\w.-]+)$/.exec(given) ?? []
  const cells = readResults(path)
  const names = targetNames(cells)
  const chosen = name ?? (names.length === 1 ? names[0] : undefined)
  if (chosen === undefined || !names.includes(chosen)) {
    throw new HoldfastError(
      'INVALID_REQUEST',
      `${given}: say which target, one of ${names.map((one) => `${path}#${one}`).join(', ')}`,
    )
  }
  return sideOf(cells, chosen)
}

export function sideOf(cells: readonly CellResult[], name: string): Side {
  return {
    name,
    cells: cells.filter(({ target }) => target.name === name),
    companions: cells.filter(({ target }) => target.name !== name),
  }
}

export function targetNames(cells: readonly CellResult[]): string[] {
  return [...new Set(cells.map(({ target }) => target.name))]
}
