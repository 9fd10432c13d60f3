/**
 * Cells that differ only in a RAM size that no machine enforced: they measured the same thing, so they are one cell.
 */
import { makeCellResult } from '../results/cell.ts'
import type { CellResult } from '../results/result.ts'

/** A cell, or several in one. */
export interface PooledCell extends CellResult {
  /** MiB; null: machines of several sizes, none enforced. */
  pooledRamMb: number | null
  /** How many cells are in it. */
  pooledCells: number
}

/** More iterations than a cell ever has: keeps the iterations of one RAM size apart from the next. */
const MAX_ITERATIONS = 1_000_000

/** The cells of enforced sizes as they are; the others of one run, target and file size as one. */
export function poolCells(cells: readonly CellResult[]): PooledCell[] {
  const groups = new Map<string, CellResult[]>()
  for (const cell of cells) {
    const key = [cell.run, cell.target.name, cell.file_size_bytes, cell.ram_limited ? cell.ram_mb : 'any'].join(' ')
    groups.set(key, [...(groups.get(key) ?? []), cell])
  }
  return [...groups.values()].flatMap(pool)
}

function pool(cells: readonly CellResult[]): PooledCell[] {
  const [first] = cells
  if (!first) return []
  if (cells.length === 1) return [{ ...first, pooledRamMb: first.ram_mb, pooledCells: 1 }]
  const iterations = cells.flatMap((cell) =>
    cell.iterations.map((one) => ({ ...one, iteration: cell.ram_mb * MAX_ITERATIONS + one.iteration })),
  )
  return [
    {
      ...makeCellResult({ ...first, planned_iterations: null }, iterations),
      pooledRamMb: null,
      pooledCells: cells.length,
    },
  ]
}

/** `256 MB 100M`, or `100M` of any RAM. */
export function cellLabel({ ramMb, fileSize }: { ramMb: number | null; fileSize: string }): string {
  return ramMb === null ? fileSize : `${ramMb} MB ${fileSize}`
}
