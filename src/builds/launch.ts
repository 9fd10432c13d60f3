/**
 * Starts Packer so that it depends on no other process: a session and a process group of its own, its output in a
 * file.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { messageOf, PLACE, randomId } from '../base/index.ts'
import { hidingScript } from './hiding.ts'
import { packerEnvironment } from './packer.ts'
import { CLEANUP_GRACE_MS, type ProcessGroup } from './process-group.ts'
import { groupIn, type RunFolder } from './run-folder.ts'
import { makeTempFolder, removeTempFolder } from './temp-folder.ts'
import { BuildError } from './errors.ts'

/**
 * Runs Packer and leaves its exit status. Signals to the group are Packer's business: this shell outlives all but KILL.
 * A script for sed that hides secrets is open as file 3, and nowhere else.
 *
 * Packer's output goes through a pipe. A full disk ends its reader, not Packer, which would wait for ever on a log that
 * it cannot write: the reader then frees the reserve, whose size of 0 tells of it, asks Packer to end, and reads on
 * without a log; what has not ended in time is killed. The reader ends at a last line, not with the pipe: what a step
 * leaves running holds that.
 *
 * The process that becomes Packer says whose group it is in, unless another process has declared the run void (see
 * `processOf`). No process knows of the group before that, and from then on a signal ends what is to become Packer:
 * none is lost on the shell.
 */
const WRAPPER = `trap : HUP INT TERM
folder=$1; last=$2; place=$3; shift 3
read -r stat </proc/self/stat || exit
stat="$stat $place"
begin() {
  echo "$stat" >>"$folder/process" && read -r first <"$folder/process" && [ "$first" = "$stat" ] || exit
  exec "$@" 3<&-
}
free() { : >"$folder/reserve"; }
leave() { echo $1 >"$folder/exit.tmp"; }
run() { trap : HUP INT TERM; (begin "$@"); status=$?; leave $status || { free; leave $status; }; echo "$last"; }
hide() { LC_ALL=C sed -u -E -f /dev/fd/3; }
keep() { trap '' HUP INT TERM; hide || { free; kill -INT 0; insist & sed -n "/$last/q"; kill -INT $!; }; }
insist() { trap - INT; sleep ${CLEANUP_GRACE_MS / 1000} && kill -KILL 0; }
run "$@" 2>&1 | keep
[ -s "$folder/exit.tmp" ] && mv "$folder/exit.tmp" "$folder/exit"`

const POLL_MS = 5

export interface LaunchOptions {
  readonly cwd: string
  readonly env: NodeJS.ProcessEnv
  /** Hidden in the log. */
  readonly secrets: readonly string[]
}

/**
 * Runs `command` with the run's folder for its output.
 * @returns when it is known which processes these are.
 * @throws PACKER_FAILED when it cannot be started.
 */
export async function launch(
  run: RunFolder,
  command: readonly string[],
  { cwd, env, secrets }: LaunchOptions,
): Promise<ProcessGroup> {
  const output = openSync(run.log, 'a', 0o600)
  const last = `holdfast: packer has ended ${randomId(16)}`
  const script = openUnlinked(join(run.path, 'hide'), `/${last}$/Q\n${hidingScript(secrets)}`)
  try {
    const tmpdir = makeTempFolder(run, env, cwd)
    const child = spawn('/bin/sh', ['-c', WRAPPER, 'holdfast-build', run.path, last, PLACE, ...command], {
      detached: true,
      stdio: ['ignore', output, output, script],
      cwd,
      env: { ...packerEnvironment(env), TMPDIR: tmpdir },
    })
    await once(child, 'spawn')
    child.unref()
    while (child.exitCode === null && child.signalCode === null) {
      const group = groupIn(run)
      if (group) return group
      await sleep(POLL_MS)
    }
    const group = groupIn(run)
    if (group) return group
    throw new Error(readFileSync(run.log, 'utf8').trim() || 'it ended at once')
  } catch (error) {
    removeTempFolder(run)
    throw new BuildError('PACKER_FAILED', `packer could not be started in ${run.path}: ${messageOf(error)}`, {
      cause: error,
    })
  } finally {
    closeSync(output)
    closeSync(script)
  }
}

/** A file that only those can read who get it open. */
function openUnlinked(path: string, text: string): number {
  writeFileSync(path, text, { mode: 0o600 })
  try {
    return openSync(path, 'r')
  } finally {
    rmSync(path)
  }
}
