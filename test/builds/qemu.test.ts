/** `holdfast build` with real Packer, real QEMU and a real guest: layers, and builds that go on from them. */
import { deepEqual, equal, match, notEqual, ok } from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { packagePath } from '../../src/base/index.ts'
import { LayerStore } from '../../src/builds/checkpoint/layer-store.ts'
import { metadataOf } from '../../src/builds/index.ts'
import { StateManager } from '../../src/state/index.ts'
import { tempFolder } from '../helpers/temp-folder.ts'
import { qemuImg } from './support/blank-machine.ts'
import { findGuest } from './support/guest.ts'

const guest = await findGuest()
const skip = typeof guest === 'string' ? guest : false

const folder = tempFolder('qemu-build')
const dataFolder = join(folder, 'data of a “builder”, and ${y}: it\'s "odd"')
const store = new LayerStore(join(dataFolder, 'layers/default'))
/** Where nothing may be left. */
const temporary = join(folder, 'tmp')
const script = (name: string) => join(folder, 'scripts', name)

function startBuild(...flags: string[]) {
  const args = ['build', 'layers.pkr.hcl', '-var-file', 'guest.pkrvars.json', '--data', dataFolder, ...flags]
  const child = spawn(process.execPath, [packagePath('src/cli/main.ts'), ...args], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, TMPDIR: temporary, CHECKPOINT_DISABLE: '1' },
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (output += data.toString()))
  const ended = once(child, 'close').then(([status]) => ({ status: status as number | null, output }))
  return { child, ended }
}

/** @returns what it wrote, and how long it took. */
async function build(...flags: string[]): Promise<{ output: string; seconds: number }> {
  const startedAt = performance.now()
  const { status, output } = await startBuild(...flags).ended
  equal(status, 0, output)
  return { output, seconds: (performance.now() - startedAt) / 1000 }
}

async function recordedBuild() {
  const manager = await StateManager.open(dataFolder, { name: 'default' })
  try {
    for await (const found of manager.builds()) return found
  } finally {
    await manager.close()
  }
  throw new Error('there is no build')
}

/** A file of the finished image, read without starting it. */
function fileInImage(path: string): string {
  const image = join(folder, 'output/server.qcow2')
  equal(qemuImg('info', image).includes('backing file'), false)
  const raw = join(folder, 'image.raw')
  qemuImg('convert', '-O', 'raw', image, raw)
  return execFileSync('debugfs', ['-R', `cat ${path}`, raw], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
}

/** Of the processes that have a file of this test open or named. */
function leftProcesses(): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return (
        /^\d+$/.test(pid) &&
        pid !== String(process.pid) &&
        readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(folder)
      )
    } catch {
      return false
    }
  })
}

describe('a qemu build', { skip }, () => {
  let firstSeconds = 0
  let base = ''

  before(() => {
    if (typeof guest === 'string') return
    mkdirSync(temporary)
    cpSync(packagePath('examples/qemu-layers'), folder, { recursive: true })
    const variables = { image: guest.disk, ssh_key: guest.sshKey, accelerator: 'tcg', memory: 128, disk_size: '64M' }
    const more = { shutdown_command: 'sync; poweroff -f', qemuargs: guest.qemuargs }
    writeFileSync(join(folder, 'guest.pkrvars.json'), JSON.stringify({ ...variables, ...more }))
  })
  after(() => {
    deepEqual(leftProcesses(), [])
    // Packer itself leaves some when it is killed.
    deepEqual(
      readdirSync(temporary).filter((name) => name.startsWith('holdfast')),
      [],
    )
  })

  it('leaves a layer after each provisioner, the second with the change only', async (t) => {
    const { seconds } = await build()
    firstSeconds = seconds
    const [second, first] = store.list()
    const { provisioners, metadata, status } = await recordedBuild()
    equal(status, 'complete')
    deepEqual([first?.key, second?.key], (metadata.fingerprint as { steps: string[] }).steps)
    deepEqual(
      [first?.step, second?.step],
      provisioners.map(({ name }) => name),
    )
    equal(second?.parent, first?.name)
    base = fileInImage('/base-id')
    match(base, /^[\w-]{36}\n$/)
    equal(fileInImage('/app'), 'version 1\n')
    ok(first && second && first.sizeBytes > 8_000_000 && second.sizeBytes < 2_000_000)
    t.diagnostic(`layers of ${first.sizeBytes} and ${second.sizeBytes} bytes; ${seconds.toFixed(1)} s`)
  })

  it('resumes from the layer before a provisioner that changed', async (t) => {
    const [, first] = store.list()
    const [done] = (await recordedBuild()).provisioners
    appendFileSync(script('app.sh'), 'echo "version 2" >/app\n')
    const { output, seconds } = await build()
    match(output, /goes on from the checkpoint after step 1/)
    equal(fileInImage('/base-id'), base)
    equal(fileInImage('/app'), 'version 2\n')
    const [newest] = store.list()
    equal(newest?.parent, first?.name)
    ok((newest?.sizeBytes ?? Infinity) < 2_000_000)
    t.diagnostic(`${seconds.toFixed(1)} s in place of ${firstSeconds.toFixed(1)} s`)
    // The first step has not run again, as its id in the image says too.
    const recorded = await recordedBuild()
    deepEqual(recorded.provisioners[0], done)
    equal(metadataOf(recorded)?.run.from, 1)
    equal(existsSync(join(metadataOf(recorded)?.run.folder ?? '', 'base')), false)
  })

  it('resumes after everything was killed in the second provisioner', async () => {
    const lastId = fileInImage('/app-id')
    appendFileSync(script('app.sh'), 'sleep 60\n')
    const { child, ended } = startBuild()
    await runningStep(1)
    const { run } = metadataOf(await recordedBuild()) ?? {}
    child.kill('SIGKILL')
    process.kill(-(run?.pid ?? 0), 'SIGKILL')
    await ended
    writeFileSync(
      script('app.sh'),
      readFileSync(script('app.sh'), 'utf8').replace('sleep 60', 'echo "version 3" >/app'),
    )
    const template = join(folder, 'layers.pkr.hcl')
    const app = 'script = "${path.root}/scripts/app.sh"'
    const changed = `${app}\n    environment_vars = ["ID=\${build.ID}"]`
    writeFileSync(
      template,
      readFileSync(template, 'utf8').replace(app, () => changed),
    )
    const { output } = await build()
    match(output, /goes on from the checkpoint after step 1/)
    match(output, /server: kept no layer after provisioner 2: only a run can tell/)
    equal(fileInImage('/base-id'), base)
    equal(fileInImage('/app'), 'version 3\n')
    notEqual(fileInImage('/app-id'), lastId)
  })

  it('keeps the layers of its record when builds are pruned', async () => {
    const args = ['builds', 'prune', '--data', dataFolder]
    execFileSync(process.execPath, [packagePath('src/cli/main.ts'), ...args], { cwd: folder })
    const { steps = [] } = metadataOf(await recordedBuild())?.fingerprint ?? {}
    deepEqual(
      store.list().map(({ key }) => key),
      steps.slice(0, 1),
    )
  })
})

async function runningStep(index: number): Promise<void> {
  const deadline = performance.now() + 240_000
  while ((await recordedBuild()).provisioners[index]?.status !== 'running') {
    ok(performance.now() < deadline, `provisioner ${index} does not begin`)
    await sleep(100)
  }
}
