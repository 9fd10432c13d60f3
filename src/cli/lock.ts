/** `holdfast lock ...`: looks at locks, takes them for other programs, breaks locks that no process will release. */
import { spawn, type ChildProcess } from 'node:child_process'
import { log, error as warn } from 'node:console'
import { once } from 'node:events'
import { constants } from 'node:os'
import { InvalidArgumentError, Option, type Command } from 'commander'
import { messageOf, parseDuration } from '../base/index.ts'
import { LockManager, type HeldLock, type Lock, type LockInfo } from '../lock/index.ts'
import {
  dataFolderOf,
  existingDataFolder,
  outerLocks,
  printJson,
  printTable,
  shortTime,
  type DataOptions,
} from './state-output.ts'
import { CommandError } from './errors.ts'

interface AcquireFlags extends DataOptions {
  wait: number
  ttl: number
  operation: string
  info: string
}

/** Signals that end the command that runs under a lock, and then this one. */
const PASSED_ON = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const

export function registerLockCommands(program: Command): void {
  const lock = program.command('lock').description('take, look at and break locks')
  command(lock, 'list', 'list the locks that are held').action((options: DataOptions) =>
    withLocks(options, async (locks) => {
      const held = await locks.list()
      if (options.json) return printJson(held)
      const rows = held.map((found) => [
        found.name,
        found.status,
        found.operation,
        found.who,
        since(found),
        `${found.waiting.length}`,
        found.id,
      ])
      printTable(['NAME', 'STATUS', 'OPERATION', 'WHO', 'SINCE (UTC)', 'WAITING', 'ID'], rows, 'No lock is held.')
    }),
  )
  command(lock, 'show <name>', 'show the holder of a lock and the processes that wait for it').action(
    (name: string, options: DataOptions) =>
      withLocks(options, async (locks) => {
        const held = await locks.read(name)
        if (!held) throw new CommandError('NOT_FOUND', `the lock ${name} is free`)
        printJson(held)
      }),
  )
  registerAcquire(lock)
  command(lock, 'release <name> <id>', 'release a lock that acquire took without a command').action(
    (name: string, id: string, options: DataOptions) =>
      withLocks(options, async (locks) => {
        await locks.release(name, id)
        if (options.json) return printJson({ name, id, released: true })
        log(`The lock ${name} is released.`)
      }),
  )
  command(
    lock,
    'force-unlock <name> <id>',
    'break a lock whose holder is dead or must be stopped; show tells the id',
  ).action((name: string, id: string, options: DataOptions) =>
    withLocks(options, async (locks) => {
      await locks.forceUnlock(name, id)
      if (options.json) return printJson({ name, id, broken: true })
      log(`The lock ${name} is broken. If its holder still runs, it can save nothing under it any more.`)
    }),
  )
}

function registerAcquire(lock: Command): void {
  const acquiring = command(
    lock,
    'acquire <name> [command...]',
    'run a command under a lock; without one, take it until release or its TTL is over',
  )
  acquiring
    .usage('[options] <name> [-- <command...>]')
    .showHelpAfterError('Put the command after --: holdfast lock acquire NAME -- COMMAND. See --help.')
    .addOption(
      new Option('--wait <duration>', 'how long to stand in line, such as 30s; 0 for not at all')
        .argParser(duration)
        .default(Infinity, 'as long as it takes'),
    )
    .addOption(
      new Option('--ttl <duration>', 'how long the lock outlives a holder that does not renew it; at least 100ms')
        .argParser(duration)
        .default(30_000, '30s'),
    )
    .option('--operation <text>', 'what it is for, shown to others', 'lock acquire')
    .option('--info <text>', 'more about it, shown by lock show', '')
    .action((name: string, words: string[], options: AcquireFlags) => {
      if (words.length > 0) return runUnderLock(name, words, options)
      // As a script's `-- $COMMAND` comes out when the variable is empty: no process would release the lock.
      if (process.argv.at(-1) === '--') acquiring.error('error: there is no command behind the two dashes')
      return take(name, options)
    })
}

/** Prints the id, for `release`, and leaves the lock behind. */
async function take(name: string, options: AcquireFlags): Promise<void> {
  await withLocksIn(dataFolderOf(options), async (locks) => {
    const lock = await acquire(locks, name, options, true)
    if (options.json) return printJson(lock.info)
    log(lock.id)
    const until = shortTime(lock.info.expires)
    warn(
      `holdfast: the lock ${name} is held until ${until} UTC; release it with: holdfast lock release ${name} ${lock.id}`,
    )
  })
}

async function runUnderLock(name: string, words: readonly string[], options: AcquireFlags): Promise<void> {
  await withLocksIn(dataFolderOf(options), async (locks) => {
    const lock = await acquire(locks, name, options, false)
    const exit = await runCommand(words, lock)
    await lock.release()
    process.exitCode = exit
  })
}

async function acquire(locks: LockManager, name: string, options: AcquireFlags, isDetached: boolean): Promise<Lock> {
  const onWait = (holder: LockInfo) =>
    warn(
      `holdfast: waiting for the lock ${name}, held by ${holder.who} since ${holder.created} for "${holder.operation}"`,
    )
  const { wait: waitMs, ttl: ttlMs, operation, info } = options
  const lock = await locks.acquire(name, { waitMs, ttlMs, operation, info, isDetached, onWait })
  if (lock.abandonedBy) warn(`holdfast: ${lock.abandonedBy.who} held the lock before and never released it`)
  return lock
}

/** @returns the command's exit code, or 128 and the number of the signal that ended it, as a shell has it. */
async function runCommand(words: readonly string[], lock: Lock): Promise<number> {
  let child: ChildProcess | null = null
  const end = (signal: NodeJS.Signals) => void child?.kill(signal)
  const stop = () => {
    warn(`holdfast: ${(lock.signal.reason as Error).message}; stopping the command`)
    end('SIGTERM')
  }
  // Before it starts: a signal that found no listener would end this program and leave the command without its lock.
  for (const signal of PASSED_ON) process.on(signal, end)
  lock.signal.addEventListener('abort', stop, { once: true })
  try {
    child = start(words, lock)
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null]
    return code ?? 128 + constants.signals[signal ?? 'SIGTERM']
  } catch (error) {
    const what = `the command ${JSON.stringify(words[0])} cannot be started: ${messageOf(error)}`
    throw new CommandError('COMMAND_FAILED', what, { cause: error })
  } finally {
    for (const signal of PASSED_ON) process.off(signal, end)
  }
}

/** @throws for what no command can be; others end with an error event. */
function start(words: readonly string[], lock: Lock): ChildProcess {
  const [file = '', ...args] = words
  const env = {
    ...process.env,
    HOLDFAST_LOCK_ID: lock.id,
    HOLDFAST_LOCK_TOKEN: String(lock.fencingToken),
    HOLDFAST_LOCK_IDS: [...new Set([...outerLocks(), lock.id])].join(' '),
  }
  return spawn(file, args, { stdio: 'inherit', env })
}

function command(parent: Command, usage: string, description: string): Command {
  return parent
    .command(usage)
    .description(description)
    .option('--data <folder>', 'data folder (default: HOLDFAST_DATA or ./data)')
    .option('--json', 'print JSON')
}

async function withLocks(options: DataOptions, use: (locks: LockManager) => Promise<void>): Promise<void> {
  await withLocksIn(existingDataFolder(options), use)
}

async function withLocksIn(folder: string, use: (locks: LockManager) => Promise<void>): Promise<void> {
  await using locks = await LockManager.open(folder, { within: outerLocks() })
  await use(locks)
}

function since({ created }: HeldLock): string {
  return created ? shortTime(created) : '?'
}

function duration(text: string): number {
  const ms = parseDuration(text)
  if (ms !== null) return ms
  throw new InvalidArgumentError(`${JSON.stringify(text)} is not a duration such as 30s or 5m.`)
}
