/** `holdfast state ...`: looks at and looks after a state. Every command may run beside any number of others. */
import { log } from 'node:console'
import { once } from 'node:events'
import { Readable, type Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createZstdCompress } from 'node:zlib'
import { Option, type Command } from 'commander'
import { formatBytes } from '../base/index.ts'
import { LockManager } from '../lock/index.ts'
import {
  BUILD_STATUSES,
  openEngine,
  readDocument,
  restoreState,
  type BuildDiff,
  type Draft,
  type StateManager,
} from '../state/index.ts'
import { readWhole, writeNew } from './document-file.ts'
import { countingNumber, stateCommand, wholeNumber, withState, type StateOptions } from './state-command.ts'
import { existingDataFolder, outerLocks, printable, printJson, printTable, shortTime } from './state-output.ts'
import { CommandError } from './errors.ts'

export function registerStateCommands(program: Command): void {
  const state = program.command('state').description('look at and look after the states of builds')
  registerReading(state)
  registerHistory(state)
  registerRemoval(state)
  registerCare(state)
  registerTransfer(state)
}

function registerReading(state: Command): void {
  stateCommand(state, 'list', 'list the builds of the state by name')
    .addOption(new Option('--status <status>', 'only builds with this status').choices(BUILD_STATUSES))
    .action((options: StateOptions & { status?: string }) =>
      withState(options, async (manager) => {
        const { status } = options
        const rows: string[][] = []
        if (options.json) return printEntriesAsJson(manager, status)
        for await (const entry of manager.entries(status === undefined ? {} : { status })) {
          rows.push([entry.name, entry.status, String(entry.serial)])
        }
        printTable(['NAME', 'STATUS', 'SERIAL'], rows, 'There are no builds.')
      }),
    )
  stateCommand(state, 'show [name]', 'show a build or, without a name, where the state stands')
    .option('--serial <number>', 'as it was at this serial', wholeNumber)
    .action((name: string | undefined, options: StateOptions & { serial?: number }) =>
      withState(options, async (manager) => {
        const { serial } = options
        if (name === undefined && serial !== undefined) {
          throw new CommandError('INVALID_REQUEST', `--serial ${serial} is for one build: give its name too`)
        }
        if (name === undefined) return showHead(manager, options)
        const build = serial === undefined ? await manager.get(name) : await manager.getAt(serial, name)
        if (!build) throw new CommandError('NOT_FOUND', `there is no build ${name} in the state ${manager.name}`)
        printJson(build)
      }),
    )
}

/** One element a line, so that a million builds need no memory. */
async function printEntriesAsJson(manager: StateManager, status: string | undefined): Promise<void> {
  let separator = '['
  for await (const entry of manager.entries(status === undefined ? {} : { status })) {
    const isDrained = process.stdout.write(`${separator}\n${JSON.stringify(entry)}`)
    if (!isDrained) await once(process.stdout, 'drain')
    separator = ','
  }
  log(separator === '[' ? '[]' : '\n]')
}

async function showHead(manager: StateManager, options: StateOptions): Promise<void> {
  const { lineage, serial, buildCount } = await manager.head()
  const sizeBytes = await manager.sizeBytes()
  const backups = await manager.listBackups()
  if (options.json)
    return printJson({ name: manager.name, lineage, serial, buildCount, sizeBytes, backups: backups.length })
  log(`state    ${manager.name}\nlineage  ${lineage}\nserial   ${serial}\nbuilds   ${buildCount}`)
  log(`size     ${formatBytes(sizeBytes)}\nbackups  ${backups.length}`)
}

function registerHistory(state: Command): void {
  stateCommand(state, 'history [name]', 'list the saves that are kept, newest first; of one build, if named')
    .option('--limit <number>', 'how many, 1 or more', countingNumber, 20)
    .action((name: string | undefined, options: StateOptions & { limit: number }) =>
      withState(options, async (manager) => {
        const records = await manager.history({ limit: options.limit, ...(name !== undefined && { build: name }) })
        if (options.json) return printJson(records)
        const rows = records.map(({ serial, at, who, operation, buildCount, changed }) => {
          return [String(serial), shortTime(at), operation, String(buildCount), summary(changed), who]
        })
        printTable(['SERIAL', 'TIME (UTC)', 'OPERATION', 'BUILDS', 'CHANGED', 'WHO'], rows, noSaves(name))
      }),
    )
  stateCommand(state, 'diff', 'show what changed between two serials')
    .argument('<from>', 'serial', wholeNumber)
    .argument('[to]', 'serial (default: the newest)', wholeNumber)
    .action((from: number, to: number | undefined, options: StateOptions) =>
      withState(options, async (manager) => {
        const diffs = await manager.diff(from, to ?? (await manager.head()).serial)
        if (options.json) return printJson(diffs)
        if (diffs.length === 0) log('There is no difference.')
        for (const diff of diffs) printDiff(diff)
      }),
    )
  stateCommand(state, 'rollback', 'make the state what it was at a serial, by a new save')
    .argument('<serial>', 'a serial that state history lists', wholeNumber)
    .action((to: number, options: StateOptions) =>
      withState(options, async (manager) => {
        const serial = await manager.rollback(to)
        if (options.json) return printJson({ serial })
        log(`The state ${manager.name} is what it was at serial ${to}; its serial is now ${serial}.`)
      }),
    )
}

function noSaves(name: string | undefined): string {
  return name === undefined ? 'Nothing was saved yet.' : `No save that is kept changed ${printable(name)}.`
}

function registerRemoval(state: Command): void {
  stateCommand(state, 'remove <name...>', 'forget builds, by one save; what they built stays').action(
    (names: string[], options: StateOptions) =>
      withState(options, async (manager) => {
        const forget = async (draft: Draft) => {
          for (const name of new Set(names)) await draft.remove(name)
          return draft.serial
        }
        const serial = await manager.update(forget, { operation: 'remove' })
        if (options.json) return printJson({ serial, removed: names })
        log(`The state ${manager.name} has forgotten ${printable(names.join(', '))}; its serial is now ${serial}.`)
      }),
  )
}

function registerCare(state: Command): void {
  stateCommand(
    state,
    'verify',
    'read everything and compare it with its checksums; exits 74 when something is damaged',
  ).action((options: StateOptions) =>
    withState(options, async (manager) => {
      const damages = await manager.verify()
      if (options.json) printJson({ ok: damages.length === 0, damages })
      else
        printTable(
          ['WHAT', 'PROBLEM'],
          damages.map(({ what, problem }) => [what, problem]),
          'All is well.',
        )
      if (damages.length === 0) return
      const where = damages.length === 1 ? 'one place' : `${damages.length} places`
      throw new CommandError('STATE_DAMAGED', `the state ${manager.name} is damaged in ${where}`, {
        hint: 'Go back to the newest good backup with: holdfast state restore',
      })
    }),
  )
  stateCommand(state, 'backup', 'make a verified backup now')
    .option('--list', 'list the backups instead, newest first')
    .action(async (options: StateOptions & { list?: boolean }) => {
      if (options.list) return printBackups(options)
      return withState(options, async (manager) => {
        const backup = await manager.backup()
        if (options.json) return printJson(backup)
        log(`${backup.path} (serial ${backup.serial}, ${formatBytes(backup.sizeBytes)})`)
      })
    })
  stateCommand(state, 'restore [file]', 'put a backup in the place of the state (default: the newest good one)').action(
    async (from: string | undefined, options: StateOptions) => {
      const engine = await openEngine(existingDataFolder(options))
      await using locks = new LockManager(await engine.openLocks(), { within: outerLocks() })
      const restored = await restoreState(engine, { name: options.state, locks, ...(from !== undefined && { from }) })
      if (options.json) return printJson(restored)
      log(`The state ${options.state} was restored from ${restored.backup.path}; its serial is now ${restored.serial}.`)
      if (restored.setAside !== null) log(`The replaced state is kept in ${restored.setAside}`)
    },
  )
}

async function printBackups(options: StateOptions): Promise<void> {
  const engine = await openEngine(existingDataFolder(options))
  const backups = (await engine.backups?.list(options.state)) ?? []
  if (options.json) return printJson(backups)
  const rows = backups.map(({ serial, at, sizeBytes, path }) => [
    String(serial),
    shortTime(at),
    formatBytes(sizeBytes),
    path,
  ])
  printTable(['SERIAL', 'TIME (UTC)', 'SIZE', 'FILE'], rows, 'There are no backups.')
}

function registerTransfer(state: Command): void {
  stateCommand(
    state,
    'export [file]',
    'write the state as one JSON document into a new file (default, or -: to standard output)',
  )
    .option('--compress', 'compress it with zstd')
    .action((file: string | undefined, options: StateOptions & { compress?: boolean }) =>
      withState(options, async (manager) => {
        const document = Readable.from(manager.document())
        const send = (sink: Writable, end: boolean) =>
          options.compress ? pipeline(document, createZstdCompress(), sink, { end }) : pipeline(document, sink, { end })
        if (file === undefined || file === '-') return send(process.stdout, false)
        await writeNew(file, (sink) => send(sink, true))
        if (options.json) return printJson({ path: file })
        log(`The state ${manager.name} was written to ${file}.`)
      }),
    )
  stateCommand(
    state,
    'import <file>',
    'replace the builds of the state by the builds of a JSON document; - for standard input',
  )
    .option('--merge', 'keep builds that the document does not have')
    .option('--force', 'replace builds even by a document of another lineage, or of a lower serial')
    .action(async (file: string, options: StateOptions & { merge?: boolean; force?: boolean }) => {
      const document = readDocument(file === '-' ? 'standard input' : file, await readWhole(file))
      const replace = async (manager: StateManager) => {
        const { builds } = document
        const serial = await manager.replace(builds, {
          keepOthers: options.merge === true,
          ...(options.force !== true && { from: document }),
        })
        if (options.json) return printJson({ serial, builds: builds.length })
        const imported = builds.length === 1 ? '1 build was' : `${builds.length} builds were`
        log(`${imported} imported into the state ${manager.name}; its serial is now ${serial}.`)
      }
      await withState(options, replace, { mustExist: false })
    })
}

function printDiff({ name, change, fields }: BuildDiff): void {
  log(`${{ added: '+', removed: '-', changed: '~' }[change]} ${printable(name)}`)
  for (const { field, from, to } of fields) log(`    ${printable(field)}: ${show(from)} -> ${show(to)}`)
}

function show(value: unknown): string {
  return value === undefined ? '(none)' : JSON.stringify(value)
}

function summary(names: readonly string[]): string {
  const [first = ''] = names
  return names.length <= 1 ? first : `${first} and ${names.length - 1} more`
}
