/** What the shells themselves offer with the completion that `holdfast completion` prints. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { OPTIONS } from '../../src/cli/options.ts'
import { BUILD_STATUSES } from '../../src/state/index.ts'
import { tempFolder } from '../helpers/temp-folder.ts'
import { run } from '../support/server.ts'

const ZSH_CANDIDATES = join(import.meta.dirname, 'programs/zsh-candidates.zsh')
const BASH_CANDIDATES = `
  source "$0"; complete -p holdfast > /dev/null || exit
  COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _holdfast; printf '%s\\n' "\${COMPREPLY[@]}"`
const FISH_CANDIDATES = 'source $argv[1]; complete -C $argv[2]'

/** What a shell offers for a line, in its order. */
type Ask = (completion: string, line: string) => string[]

const SHELLS: Record<string, Ask> = {
  bash: (file, line) => lines('bash', ['--norc', '-c', BASH_CANDIDATES, file, ...line.split(' ')]),
  zsh: (file, line) =>
    lines('zsh', ['-f', ZSH_CANDIDATES, file, line]).flatMap((text) => /OFFERED:(\S+)/.exec(text)?.[1] ?? []),
  fish: (file, line) =>
    lines('fish', ['--no-config', '-c', FISH_CANDIDATES, file, line]).map((text) => text.split('\t')[0] ?? ''),
}

const OFFERED: Record<string, string[]> = {
  'holdfast st': ['state', 'stress'],
  'holdfast lab image ': ['build'],
  'holdfast state list --st': ['--state', '--status'],
  'holdfast state list --json --auto': ['--auto-restore'],
  'holdfast state list --status ': [...BUILD_STATUSES],
  'holdfast serve --log-level ': [...(OPTIONS.logLevel.choices ?? [])],
  'holdfast serve --fsync t': ['true'],
  'holdfast completion ': ['bash', 'fish', 'zsh'],
  'holdfast stress l': ['lock'],
  // An operand that is called like a command does not count as one.
  'holdfast builds show builds li': [],
}

const cwd = tempFolder('completion')

for (const [shell, ask] of Object.entries(SHELLS)) {
  const skip = spawnSync(shell, ['--version']).status === 0 ? false : `there is no ${shell} here`
  describe(`in ${shell}`, { skip }, async () => {
    const { stdout } = await run(['completion', shell])
    const file = join(cwd, shell)
    writeFileSync(file, stdout)
    for (const [line, words] of Object.entries(OFFERED)) {
      it(`"${line}" offers ${words.join(', ') || 'nothing'}`, () => {
        assert.deepEqual(ask(file, line).toSorted(), words.toSorted())
      })
    }
  })
}

describe('holdfast completion', () => {
  it('refuses shells that it does not know', async () => {
    const { code, stdout, stderr } = await run(['completion', 'tcsh'])
    assert.deepEqual([code, stdout], [64, ''])
    assert.match(stderr, /bash, zsh, fish/)
  })
})

/** The lines that a program prints in an empty folder. */
function lines(command: string, args: string[]): string[] {
  const { stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8', timeout: 60_000 })
  assert.equal(stderr, '')
  return stdout.split(/\r?\n/).filter((line) => line !== '')
}
