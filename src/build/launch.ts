/** Starts Packer so that it depends on nobody: a session and a process group of its own, its output in a file. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { HoldfastError, messageOf } from '../base/index.ts'
import { groupOf, type ProcessGroup } from './process-group.ts'
import type { RunFolder } from './run-folder.ts'

/**
 * Says who it is, unless somebody has declared the run void (the file is there then), runs Packer, and leaves its exit
 * status. Signals to the group are Packer's business: this shell outlives all but KILL.
 */
const WRAPPER = `trap : HUP INT TERM
folder=$1; shift
read -r stat </proc/self/stat || exit
(set -C; echo "$stat" >"$folder/process") || exit
"$@"
echo $? >"$folder/exit.tmp" && mv "$folder/exit.tmp" "$folder/exit"`

const POLL_MS = 5

/**
 * Runs `command` with the run's folder for its output.
 * @returns when it is known which processes these are.
 * @throws PACKER_FAILED when it cannot be started.
 */
export async function launch(
  run: RunFolder,
  command: readonly string[],
  input: { cwd: string; env: NodeJS.ProcessEnv },
): Promise<ProcessGroup> {
  const output = openSync(run.log, 'a', 0o600)
  try {
    const child = spawn('/bin/sh', ['-c', WRAPPER, 'holdfast-build', run.path, ...command], {
      detached: true,
      stdio: ['ignore', output, output],
      cwd: input.cwd,
      // Without it Packer asks the network for a newer version first.
      env: { ...input.env, CHECKPOINT_DISABLE: '1' },
    })
    await once(child, 'spawn')
    child.unref()
    while (child.exitCode === null && child.signalCode === null) {
      const group = existsSync(run.process) ? groupOf(readFileSync(run.process, 'latin1')) : null
      if (group) return group
      await sleep(POLL_MS)
    }
    const group = existsSync(run.process) ? groupOf(readFileSync(run.process, 'latin1')) : null
    if (group) return group
    throw new Error(readFileSync(run.log, 'utf8').trim() || 'it ended at once')
  } catch (error) {
    throw new HoldfastError('PACKER_FAILED', `packer could not be started in ${run.path}: ${messageOf(error)}`, {
      cause: error,
    })
  } finally {
    closeSync(output)
  }
}
