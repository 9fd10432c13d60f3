import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { globSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { before, describe, it } from 'node:test'
import { temporaryFolder } from '../support/server.ts'

/** Files of other Nodes to run the library with, separated by colons. */
const NODES = (process.env['HOLDFAST_TEST_NODES'] ?? process.execPath).split(':')

const PROGRAM_MANIFEST = JSON.parse(readFileSync('package.json', 'utf8')) as Record<string, unknown>

const PROGRAM = `
import { createBuild, StateManager } from '@holdfast/state'
import { LockManager } from '@holdfast/state/lock'

const folder = 'data-' + process.version
const manager = await StateManager.open(folder)
await manager.update((draft) => draft.put(createBuild({ name: 'web', source: 'qemu.debian' })))
const web = await manager.get('web')
if (web) await manager.update((draft) => draft.put({ ...web, status: 'creating' }))
await manager.backup()
const locks = await LockManager.open(folder)
const lock = await locks.acquire('disk', { operation: 'test' })
const isHeld: boolean = (await locks.list()).some(({ name }) => name === 'disk')
await lock.release()
console.log((await manager.get('web'))?.status, isHeld)
await locks.close()
await manager.close()
`

describe('the package @holdfast/state', () => {
  const project = temporaryFolder()
  const folder = join(project, 'node_modules/@holdfast/state')

  before(() => {
    execFileSync('npm', ['pack', '--silent', '--pack-destination', project, resolve('dist/library')])
    mkdirSync(folder, { recursive: true })
    const [tarball = ''] = globSync(`${project}/*.tgz`)
    execFileSync('tar', ['-xzf', tarball, '--strip-components=1', '-C', folder])
    writeFileSync(join(project, 'package.json'), '{"type":"module"}')
    writeFileSync(join(project, 'program.js'), PROGRAM.replace(': boolean', ''))
  })

  it('has the version of the program, and needs no other package', () => {
    const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Record<string, unknown>
    assert.equal(manifest['version'], PROGRAM_MANIFEST['version'])
    assert.equal(manifest['dependencies'], undefined)
    assert.deepEqual(manifest['engines'], PROGRAM_MANIFEST['engines'])
    for (const [path, text] of scripts()) {
      const imported = [...text.matchAll(/^(?:import|\} from|export .* from)\b.*?["']([^"'.][^"']*)["'];?$/gm)]
      assert.deepEqual(
        imported.map(([, name = '']) => name).filter((name) => !name.startsWith('node:')),
        [],
        path,
      )
    }
  })

  it('has no syntax that only newer Nodes know', () => {
    for (const [path, text] of scripts()) assert.doesNotMatch(text, /^\s*(for \()?(await )?using \w+ (=|of) /m, path)
  })

  for (const node of NODES) {
    it(`saves, backs up and locks with ${node}`, () => {
      const { stdout, stderr } = spawnSync(node, ['program.js'], { cwd: project, encoding: 'utf8' })
      assert.equal(stdout, 'creating true\n', stderr)
    })
  }

  it('has its own types', () => {
    mkdirSync(join(project, 'node_modules/@types'), { recursive: true })
    for (const name of ['@types/node', 'undici-types'])
      symlinkSync(resolve('node_modules', name), join(project, 'node_modules', name))
    assert.equal(typeErrors(PROGRAM), '')
    assert.match(typeErrors(PROGRAM.replace(': boolean', ': string')), /^program\.ts\(\d+,7\): error TS2322/)
    assert.match(typeErrors(PROGRAM.replace("'creating'", "'cooking'")), /error TS2322.*"cooking"/)
  })

  function scripts(): [path: string, text: string][] {
    return globSync(`${folder}/**/*.js`).map((path) => [path, readFileSync(path, 'utf8')])
  }

  function typeErrors(program: string): string {
    writeFileSync(join(project, 'program.ts'), program)
    const args = ['--noEmit', '--strict', '--skipLibCheck', '--module', 'nodenext', '--target', 'es2022']
    const lib = ['--lib', 'es2022,esnext.disposable', '--types', 'node']
    const tsc = resolve('node_modules/.bin/tsc')
    return spawnSync(process.execPath, [tsc, ...args, ...lib, 'program.ts'], { cwd: project, encoding: 'utf8' }).stdout
  }
})
