/** How a build was asked for, and the command that asks for it again. */
import { z } from 'zod'
import { contains } from './hiding.ts'
import type { PackerInput } from './packer.ts'

export const invocationSchema = z.object({
  /** Where it was called. Absolute: relative files of variables are meant from there. */
  cwd: z.string(),
  /** Absolute. */
  dataFolder: z.string(),
  /** Values of sensitive variables are null. */
  vars: z.array(z.object({ name: z.string(), value: z.string().nullable() })),
  varFiles: z.array(z.string()),
  except: z.array(z.string()),
})

export type Invocation = Readonly<z.infer<typeof invocationSchema>>

/**
 * @param given What the user gave, before sensitive values were moved into a file.
 * @param isSensitive Whether `NAME=VALUE` is for a sensitive variable.
 */
export function invocationOf(
  { input, except }: { input: PackerInput; except: readonly string[] },
  isSensitive: (given: string) => boolean,
  dataFolder: string,
): Invocation {
  const vars = input.vars.map((given) => {
    const end = given.indexOf('=')
    return { name: given.slice(0, end), value: isSensitive(given) ? null : given.slice(end + 1) }
  })
  return { cwd: input.cwd, dataFolder, vars, varFiles: [...input.varFiles], except: [...except] }
}

/** Leaves out values that contain a secret. */
export function withoutSecretValues(invocation: Invocation, secrets: readonly string[]): Invocation {
  const vars = invocation.vars.map(({ name, value }) => {
    return { name, value: value !== null && contains(value, secrets) ? null : value }
  })
  return { ...invocation, vars }
}

/**
 * The command that goes on with one source of a build, as a POSIX shell takes it. A sensitive value is taken from a
 * shell variable of its name; the shell refuses to run the command while that is unset.
 * @param invocation Null for records that do not keep it: then the command has to be run as the build was.
 */
export function goOnCommand(
  { template, state, source }: { template: string; state: string; source: string },
  invocation: Invocation | null,
): string {
  const build = [
    'holdfast build',
    ...(invocation ? ['--data', quoted(invocation.dataFolder)] : []),
    ...(state === 'default' ? [] : ['--state', quoted(state)]),
    ...(invocation?.vars ?? []).flatMap(({ name, value }) => ['-var', variable(name, value)]),
    ...(invocation?.varFiles ?? []).flatMap((file) => ['-var-file', quoted(file)]),
    ...(invocation && invocation.except.length > 0 ? ['-except', quoted(invocation.except.join(','))] : []),
    '-only',
    quoted(source),
    quoted(template),
  ].join(' ')
  return invocation ? `cd ${quoted(invocation.cwd)} && ${build}` : build
}

function variable(name: string, value: string | null): string {
  if (value !== null) return quoted(`${name}=${value}`)
  const shellName = name.replaceAll(/\W/g, '_').replace(/^(?=\d)/, '_')
  return `${quoted(`${name}=`)}"\${${shellName}:?is sensitive, set it first}"`
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`
}
