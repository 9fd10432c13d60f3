import type { Command } from 'commander'
export function registerStressCommand(program: Command): void {
  program.command('stress')
}
