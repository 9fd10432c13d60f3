/** Command line flags for the settings, made from their table. */
import { type Command, Option } from 'commander'
import type { Config } from '../base/index.ts'
import { loadSettings, OPTIONS } from './options.ts'

type OptionName = keyof typeof OPTIONS

/** Adds `--config` and the flags of the named settings (default: all that have one). */
export function addConfigFlags(
  command: Command,
  names: readonly OptionName[] = Object.keys(OPTIONS) as OptionName[],
): Command {
  for (const name of names) {
    const option = OPTIONS[name]
    if (option.flag === null) continue
    const fallback = option.format(option.default as never)
    const text = `${option.summary} (${fallback ? `default: ${fallback}; ` : ''}env: ${option.env[0]})`
    command.addOption(new Option(`--${option.flag} <${option.choices?.join('|') ?? 'value'}>`, text))
  }
  return command.option('--config <file>', 'JSON file of settings (env: HOLDFAST_CONFIG)')
}

/** The configuration from flags, environment and file. @throws INVALID_CONFIG */
export function readConfig(command: Command): Config<typeof OPTIONS> {
  const given = command.opts<Record<string, string | undefined>>()
  const flags = Object.fromEntries(
    command.options.map((option) => [option.long?.slice(2) ?? '', given[option.attributeName()]]),
  )
  return loadSettings(flags)
}
