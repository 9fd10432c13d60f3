import type { Command } from 'commander'
import { describeConfig } from '../base/index.ts'
import { addConfigFlags, readConfig } from './config-flags.ts'
import { OPTIONS } from './options.ts'

export function registerConfig(program: Command): void {
  const config = program.command('config').description('look at the configuration')
  const check = config
    .command('check')
    .description('print the effective configuration, secrets masked; exit 78 and list all mistakes if there are any')
    .option('--json', 'print JSON')
  addConfigFlags(check).action(() => {
    const settings = describeConfig(OPTIONS, readConfig(check))
    if (check.opts<{ json?: boolean }>().json) {
      console.log(JSON.stringify(Object.fromEntries(settings.map(({ name, value }) => [name, value])), null, 2))
      return
    }
    const width = Math.max(...settings.map(({ name }) => name.length))
    for (const { name, value, isDefault } of settings) {
      console.log(`${name.padEnd(width)} = ${value}${isDefault ? '  (default)' : ''}`)
    }
  })
}
