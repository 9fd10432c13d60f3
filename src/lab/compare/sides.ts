/** What `compare` is pointed at: `PATH` or `PATH#TARGET`. */
import { readResults } from '../results/run-folder.ts'
import type { CellResult } from '../results/result.ts'
import type { Side } from './comparison.ts'
import { LabError } from '../errors.ts'

/**
 * The two sides. One path alone is the two targets of its run, in the order of the plan's results.
 * @throws INVALID_REQUEST when a side is not exactly one target, or both are the same; LAB_RUN_UNUSABLE when a path
 * holds no results.
 */
export function readSides(a: string, b: string | undefined): [Side, Side] {
  if (b !== undefined) {
    const [sideA, sideB] = [readSide(a), readSide(b)]
    if (sideA.cells[0]?.run === sideB.cells[0]?.run && sideA.name === sideB.name) {
      throw new LabError('INVALID_REQUEST', `${a} and ${b} are the same target of the same run`)
    }
    // Two runs of one target are told apart by where they are.
    return sideA.name === sideB.name
      ? [
          { ...sideA, name: a },
          { ...sideB, name: b },
        ]
      : [sideA, sideB]
  }
  const { path, target } = split(a)
  const cells = readOneEach(path)
  const names = targetNames(cells)
  const [first, second] = names
  if (target !== undefined || names.length !== 2 || first === undefined || second === undefined) {
    const chosen = target ?? first
    const other = names.find((name) => name !== chosen)
    throw new LabError('INVALID_REQUEST', `${a} is not two targets: there is no second side`, {
      hint: `Name both: holdfast compare ${path}#${chosen} ${other === undefined ? 'OTHER' : `${path}#${other}`}`,
    })
  }
  return [sideOf(cells, first), sideOf(cells, second)]
}

function readSide(given: string): Side {
  const { path, target } = split(given)
  const cells = readOneEach(path)
  const names = targetNames(cells)
  const chosen = target ?? (names.length === 1 ? names[0] : undefined)
  if (chosen === undefined || !names.includes(chosen)) {
    throw new LabError(
      'INVALID_REQUEST',
      `${given}: say which target, one of ${names.map((one) => `${path}#${one}`).join(', ')}`,
    )
  }
  return sideOf(cells, chosen)
}

function split(given: string): { path: string; target: string | undefined } {
  const [, path = given, target] = /^(.*)#([\w.-]+)$/.exec(given) ?? []
  return { path, target }
}

/**
 * The results of a folder or file, each cell once: with several results of one cell it would be unclear which is
 * meant.
 */
function readOneEach(path: string): CellResult[] {
  const cells = readResults(path)
  const seen = new Set<string>()
  for (const { target, ram_mb: ram, file_size_bytes: bytes, file_size: size } of cells) {
    const key = [target.name, ram, bytes].join(' ')
    if (seen.has(key)) {
      throw new LabError('INVALID_REQUEST', `${path} holds several results of ${target.name} ${ram} MB ${size}`, {
        hint: 'Give the folder of one run, or one result file.',
      })
    }
    seen.add(key)
  }
  return cells
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
