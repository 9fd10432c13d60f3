/** `holdfast completion`: prints what teaches a shell to complete Holdfast's commands. */
import { Argument, type Command } from 'commander'
import { describeCommand, type CommandNode } from '../command-tree.ts'
import { bashCompletion } from './bash.ts'
import { fishCompletion } from './fish.ts'
import { zshCompletion } from './zsh.ts'

const SHELLS: Record<string, (program: CommandNode) => string> = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
}

const EXAMPLES = `
bash:  source <(holdfast completion bash)          in ~/.bashrc, or as /etc/bash_completion.d/holdfast
zsh:   source <(holdfast completion zsh)           in ~/.zshrc after compinit, or as _holdfast in a folder of $fpath
fish:  holdfast completion fish | source           or as ~/.config/fish/completions/holdfast.fish`

/** @param loadProgram Makes the program with all commands, including commands that this run has not loaded. */
export function registerCompletion(program: Command, loadProgram: () => Promise<Command>): void {
  program
    .command('completion')
    .description('print the completion of commands and options for a shell')
    .addArgument(new Argument('<shell>', 'which shell').choices(Object.keys(SHELLS)))
    .addHelpText('after', EXAMPLES)
    .action(async (shell: string) => {
      process.stdout.write(SHELLS[shell]?.(describeCommand(await loadProgram())) ?? '')
    })
}
