/**
 * A run on disk: `plan.json` (written once), `journal.ndjson` (a line an iteration, fsynced: the truth), `cells/*.json`
 * (made of the journal, replaced atomically). After kill -9 at any moment at most the iteration under way is missing.
 */
import {
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { HoldfastError } from '../../base/index.ts'
import { writeDurably } from '../../storage/index.ts'
import { makeFolders } from '../../storage/index.ts'
import { parsePlan, type Plan } from '../plan.ts'
import { fromPicoshareHarness } from './picoshare-harness.ts'
import { cellResultSchema, iterationSchema, type CellResult } from './result.ts'
import { LabError } from '../errors.ts'

const entrySchema = z.object({ step: z.string(), cell: z.string(), result: iterationSchema })
export type JournalEntry = z.infer<typeof entrySchema>

export class RunFolder {
  readonly path: string
  readonly plan: Plan

  private constructor(path: string, plan: Plan) {
    this.path = path
    this.plan = plan
  }

  static create(path: string, plan: Plan): RunFolder {
    makeFolders(join(path, 'cells'))
    writeDurably(join(path, 'plan.json'), `${JSON.stringify(plan, null, 2)}\n`, 0o666)
    return new RunFolder(path, plan)
  }

  /** @throws LAB_RUN_UNUSABLE when the folder holds no run. */
  static open(path: string): RunFolder {
    const planPath = join(path, 'plan.json')
    if (!existsSync(planPath)) throw unusable(`${path} is not a folder of a lab run: it has no plan.json`)
    return new RunFolder(path, parsePlan(readFileSync(planPath, 'utf8'), planPath))
  }

  /**
   * Whatever was recorded. A last line that a crash cut short is left out;
   * @throws LAB_RUN_UNUSABLE for any other damage.
   */
  readJournal(): JournalEntry[] {
    const path = join(this.path, 'journal.ndjson')
    if (!existsSync(path)) return []
    const lines = readFileSync(path, 'utf8').split('\n')
    // What follows the last line feed is empty, or a line that was being written when the power went.
    return lines.slice(0, -1).map((line, index) => {
      const entry = entrySchema.safeParse(parseLine(line))
      if (!entry.success) throw unusable(`${path}: line ${index + 1} is damaged`)
      return entry.data
    })
  }

  /** Durable when it returns. Begins by cutting off a torn last line, so that the journal stays whole lines. */
  append(entry: JournalEntry): void {
    const path = join(this.path, 'journal.ndjson')
    const whole = existsSync(path) ? readFileSync(path).lastIndexOf('\n') + 1 : 0
    const file = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_APPEND)
    try {
      ftruncateSync(file, whole)
      writeFileSync(file, `${JSON.stringify(entry)}\n`)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
  }

  hasCells(): boolean {
    return readdirSync(join(this.path, 'cells')).some((name) => name.endsWith('.json'))
  }

  writeCell(name: string, result: CellResult): void {
    writeDurably(join(this.path, 'cells', `${name}.json`), `${JSON.stringify(result, null, 2)}\n`, 0o666)
  }
}

/**
 * The cells of a run's folder, targets in the order of its plan, or of a single result file.
 * @throws LAB_RUN_UNUSABLE when there are none.
 */
export function readResults(path: string): CellResult[] {
  if (!existsSync(path)) throw unusable(`${path} does not exist`)
  if (statSync(path).isFile()) return [readCell(path)]
  const folder = existsSync(join(path, 'cells')) ? join(path, 'cells') : path
  const cells = readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .toSorted()
    .map((name) => readCell(join(folder, name)))
  if (cells.length === 0) throw unusable(`${path} holds no results`)
  if (!existsSync(join(path, 'plan.json'))) return cells
  const order = RunFolder.open(path).plan.targets.map(({ name }) => name)
  return cells.toSorted((a, b) => order.indexOf(a.target.name) - order.indexOf(b.target.name))
}

function readCell(path: string): CellResult {
  const document = parseLine(readFileSync(path, 'utf8'))
  if (document === undefined) throw unusable(`${path} is not a lab result: it is empty, cut short or not JSON`)
  const parsed = cellResultSchema.safeParse(document)
  if (parsed.success) return parsed.data
  const foreign = fromPicoshareHarness(document)
  if (foreign) return foreign
  const issue = parsed.error.issues[0]
  throw unusable(`${path} is not a lab result: ${issue?.path.join('.') || 'the document'}: ${issue?.message}`)
}

/** Undefined for what is not JSON. */
function parseLine(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

function unusable(message: string): HoldfastError {
  return new LabError('LAB_RUN_UNUSABLE', message)
}
