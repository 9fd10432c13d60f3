/** The manual page, made from the commands themselves; scripts/docs.ts writes it. */
import { VERSION, type Option } from '../src/base/index.ts'
import { OPTIONS } from '../src/cli/options.ts'
import { describeCommand, flatten, type CommandNode } from '../src/cli/command-tree.ts'
import { EXIT_CODES, loadProgram } from '../src/cli/program.ts'

/** In the macros of man(7). */
export async function manPage(): Promise<string> {
  const program = describeCommand(await loadProgram())
  const commands = flatten(program).filter(({ subcommands }) => subcommands.length === 0)
  return `${[
    `.\\" Made by scripts/docs.ts.`,
    `.TH HOLDFAST 1 "" "holdfast ${VERSION}" "User Commands"`,
    '.SH NAME',
    'holdfast \\- file share, image builds, state and locks, test lab',
    '.SH SYNOPSIS',
    '.B holdfast',
    '.I command',
    '.RI [ options ]',
    '.SH DESCRIPTION',
    text(program.description),
    '.SH COMMANDS',
    ...commands.flatMap(describe),
    '.SH ENVIRONMENT',
    'Flags win over the environment, the environment over the config file.',
    'Each flag of',
    '.B holdfast serve',
    'has its variable, named beside it. These have no flag:',
    ...variables(),
    '.SH EXIT STATUS',
    '.nf',
    ...EXIT_CODES.trim().split('\n').slice(1, -1).map(text),
    '.fi',
    '.SH SEE ALSO',
    '.BR packer (1),',
    '.BR curl (1)',
  ].join('\n')}\n`
}

function describe({ path, usage, description, operands, options }: CommandNode): string[] {
  return [
    `.SS ${text(`holdfast ${path} ${usage}`)}`,
    text(sentence(description)),
    ...operands.filter((operand) => operand.description).flatMap(describeOperand),
    ...options
      .filter(({ names }) => !names.includes('--help'))
      .flatMap(({ flags, description: what }) => ['.TP', `.B ${text(flags)}`, text(sentence(what))]),
  ]
}

function describeOperand({ name, description }: CommandNode['operands'][number]): string[] {
  return ['.TP', `.I ${text(name)}`, text(sentence(description))]
}

function variables(): string[] {
  return Object.values(OPTIONS as Record<string, Option<unknown>>)
    .filter(({ flag }) => flag === null)
    .flatMap(({ env, summary }) => ['.TP', `.B ${text(env.join(', '))}`, text(summary)])
}

function sentence(words: string): string {
  const begun = words.charAt(0).toUpperCase() + words.slice(1)
  return /[.)]$/.test(begun) ? begun : `${begun}.`
}

/** Text that roff sets as it is. */
function text(words: string): string {
  return words
    .replaceAll('\\', String.raw`\e`)
    .replaceAll('-', String.raw`\-`)
    .replace(/^[.']/, String.raw`\&$&`)
}
