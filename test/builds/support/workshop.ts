/** A folder with a template in it, and the real `holdfast` run there as a process of its own, with the real packer. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { metadataOf } from '../../../src/builds/index.ts'
import { membersOf, signalGroup, type ProcessGroup } from '../../../src/builds/process-group.ts'
import { groupIn, openRunFolder, processOf } from '../../../src/builds/run-folder.ts'
import { removeTempFolder } from '../../../src/builds/temp-folder.ts'
import { StateManager, type Build } from '../../../src/state/index.ts'
import { tempFolder } from '../../helpers/temp-folder.ts'
import { MAIN } from '../../helpers/holdfast-main.ts'

const root = tempFolder('build')
let count = 0

export interface Result {
  status: number | NodeJS.Signals
  out: string
  err: string
}

export class Workshop {
  readonly folder: string
  readonly data: string
  env: NodeJS.ProcessEnv = {}
  /** Where commands run. */
  cwd: string
  readonly #children: ChildProcess[] = []

  /** @param name Of the folder, for names that are hard to quote. */
  constructor(name = 'w') {
    this.folder = join(root, `${count++}`, name)
    this.data = join(this.folder, 'data')
    this.cwd = this.folder
    mkdirSync(this.folder, { recursive: true })
    after(() => this.#endAll())
  }

  write(name: string, text: string): string {
    const path = join(this.folder, name)
    writeFileSync(path, text)
    return path
  }

  read(name: string): string {
    const path = join(this.folder, name)
    return existsSync(path) ? readFileSync(path, 'utf8') : ''
  }

  /** A template of the null builder with these steps, each the lines of a shell-local. */
  writeSteps(...steps: readonly string[][]): string {
    const provisioners = steps.map(
      (inline) => `  provisioner "shell-local" {\n    inline = ${JSON.stringify(inline)}\n  }\n`,
    )
    const source = 'source "null" "a" {\n  communicator = "none"\n}\n'
    return this.write('steps.pkr.hcl', `${source}build {\n  sources = ["source.null.a"]\n${provisioners.join('')}}\n`)
  }

  start(...args: string[]): ChildProcess {
    const env = { ...process.env, HOLDFAST_DATA: this.data, ...this.env }
    const child = spawn(process.execPath, [MAIN, ...args], { cwd: this.cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
    this.#children.push(child)
    return child
  }

  async run(...args: string[]): Promise<Result> {
    return finish(this.start(...args))
  }

  build(...args: string[]): Promise<Result> {
    return this.run('build', ...args)
  }

  /** All that was recorded of a build, newest first. */
  async versions(name: string): Promise<Build[]> {
    await using manager = await StateManager.open(this.data, { backups: false })
    const saves = await manager.history({ limit: 1000, build: name })
    const versions = await Promise.all(saves.map(({ serial }) => manager.getAt(serial, name)))
    return versions.filter((version) => version !== null)
  }

  async record(name: string): Promise<Build | null> {
    await using manager = await StateManager.open(this.data, { backups: false })
    return await manager.get(name)
  }

  async steps(name = 'steps/null.a'): Promise<string[]> {
    return (await this.record(name))?.provisioners.map(({ status }) => status) ?? []
  }

  /** Pids of the build's processes: Packer, its plugins, its scripts. */
  async pids(name = 'steps/null.a'): Promise<number[]> {
    const group = await this.#group(name)
    return group ? membersOf(group) : []
  }

  /** All of the build's processes at once: one by one, they could start another meanwhile. */
  async killPacker(name = 'steps/null.a'): Promise<void> {
    const group = await this.#group(name)
    if (group) signalGroup(group, 'SIGKILL')
  }

  async #group(name: string): Promise<ProcessGroup | null> {
    const build = existsSync(join(this.data, 'states')) ? await this.record(name) : null
    const run = build && metadataOf(build)?.run
    return run ? groupIn(openRunFolder(run.folder)) : null
  }

  /** Files that a run's template was left in. */
  leftTemplates(): string[] {
    return readdirSync(this.folder).filter((name) => name.startsWith('.holdfast'))
  }

  async #endAll(): Promise<void> {
    // First: a living command could begin another run, with another temporary folder.
    const living = this.#children.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null)
    for (const child of living) child.kill('SIGKILL')
    await Promise.all(living.map(async (child) => once(child, 'exit')))
    const runs = join(this.data, 'builds', 'default')
    if (!existsSync(runs)) return
    for (const id of readdirSync(runs)) {
      for (const name of readdirSync(join(runs, id))) {
        const run = openRunFolder(join(runs, id, name))
        const group = processOf(run)
        for (const pid of group ? membersOf(group) : []) process.kill(pid, 'SIGKILL')
        removeTempFolder(run)
      }
    }
  }
}

export async function finish(child: ChildProcess): Promise<Result> {
  let out = ''
  let err = ''
  child.stdout?.on('data', (data: Buffer) => (out += data.toString()))
  child.stderr?.on('data', (data: Buffer) => (err += data.toString()))
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
  return { status: code ?? signal ?? 'SIGKILL', out, err }
}

/** Waits until it is so, for at most a minute: on a busy machine the start of Node and Packer alone takes its time. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 60_000
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`it never came to be: ${isSo.toString()}`)
    await sleep(20)
  }
}
