/**
 * Values of sensitive variables that were given with -var. They go to Packer in a file for the owner alone: its command
 * line can be seen by every user of the machine.
 */
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { HoldfastError, messageOf, systemErrorCode } from '../base/index.ts'
import { makeFolder } from '../storage/index.ts'
import type { PackerInput } from './packer.ts'
import {
  DerivedFile,
  givenTexts,
  sensitiveVariables,
  sweepDerivedFiles,
  variablesFile,
  type LoadedTemplate,
} from './template/index.ts'
import { BuildError } from './errors.ts'

export class GivenSecrets implements AsyncDisposable {
  /**
   * What the user gave, with the file in the place of these variables: the last of all files, so that it wins over
   * them.
   */
  readonly input: PackerInput
  /** Whether `NAME=VALUE` is for a sensitive variable. */
  readonly isSensitive: (given: string) => boolean
  /** Values as they were given, as far as they can be read without Packer. */
  readonly texts: readonly string[]
  readonly #file: DerivedFile | null

  private constructor(
    input: PackerInput,
    isSensitive: (given: string) => boolean,
    texts: readonly string[],
    file: DerivedFile | null,
  ) {
    this.input = input
    this.isSensitive = isSensitive
    this.texts = texts
    this.#file = file
  }

  /** Writes the file, if there is anything to write. @throws NOT_FOUND, TEMPLATE_INVALID. */
  static async of(template: LoadedTemplate, input: PackerInput, dataFolder: string): Promise<GivenSecrets> {
    const sensitive = new Set(sensitiveVariables(template))
    const isSensitive = (given: string) => sensitive.has(given.slice(0, given.indexOf('=')))
    const texts = await givenTexts(template, sensitive, input)
    const moved = input.vars.filter(isSensitive)
    const folder = join(resolve(dataFolder), 'builds', '.given')
    if (existsSync(folder)) await sweepDerivedFiles(folder).catch(() => [])
    if (moved.length === 0) return new GivenSecrets(input, isSensitive, texts, null)
    const file = await write(folder, await variablesFile(template, moved))
    const vars = input.vars.filter((given) => !isSensitive(given))
    const kept = { ...input, vars, varFiles: [...input.varFiles, file.path] }
    return new GivenSecrets(kept, isSensitive, texts, file)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file?.remove()
  }
}

async function write(folder: string, file: Awaited<ReturnType<typeof variablesFile>>): Promise<DerivedFile> {
  try {
    makeFolder(folder)
    return await DerivedFile.write(folder, file)
  } catch (error) {
    const cause = error instanceof HoldfastError ? error.cause : error
    const code = systemErrorCode(cause) === 'ENOSPC' ? 'NO_SPACE' : 'DATA_FOLDER_UNUSABLE'
    throw new BuildError(code, `Values of sensitive variables cannot be kept in ${folder}: ${messageOf(cause)}.`, {
      cause,
    })
  }
}
