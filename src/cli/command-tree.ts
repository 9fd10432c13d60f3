/** The commands as data, for what is made from all of them: completions and the manual page. */
import type { Argument, Command, Help, Option } from 'commander'

export interface CommandNode {
  name: string
  /** Its words after `holdfast`; none for the program itself. */
  path: string
  description: string
  /** The line of `Usage:` without the path. */
  usage: string
  subcommands: CommandNode[]
  options: OptionNode[]
  operands: ValueNode[]
}

interface OptionNode {
  /** Such as `--data`; `-h` and `--help`. */
  names: string[]
  /** As in `--help`, such as `--data <folder>`. */
  flags: string
  description: string
  /** Null: a switch. */
  value: ValueNode | null
}

interface ValueNode {
  /** What it is called in `--help`. */
  name: string
  description: string
  /** All that may be given; null where that is not a short list. */
  choices: readonly string[] | null
}

/** The command with all below it, in the order of `--help`. */
export function describeCommand(command: Command, path = ''): CommandNode {
  const help = command.createHelp()
  return {
    name: command.name(),
    path,
    description: command.description(),
    usage: command.usage(),
    subcommands: command.commands.map((child) => describeCommand(child, `${path} ${child.name()}`.trim())),
    options: help.visibleOptions(command).map((option) => describeOption(help, option)),
    operands: command.registeredArguments.map((operand) => describeOperand(help, operand)),
  }
}

/** A command and all below it. */
export function flatten(node: CommandNode): CommandNode[] {
  return [node, ...node.subcommands.flatMap(flatten)]
}

function describeOption(help: Help, option: Option): OptionNode {
  const name = /[<[](?<name>[^>\]]+)[>\]]/.exec(option.flags)?.groups?.['name']
  const listed = name?.includes('|') ? name.split('|') : null
  return {
    names: [option.short, option.long].filter((given) => given !== undefined),
    flags: option.flags,
    description: help.optionDescription(option),
    value: name === undefined ? null : { name, description: '', choices: option.argChoices ?? listed },
  }
}

function describeOperand(help: Help, operand: Argument): ValueNode {
  return { name: operand.name(), description: help.argumentDescription(operand), choices: operand.argChoices ?? null }
}
