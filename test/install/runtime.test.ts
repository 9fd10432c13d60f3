import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, it } from 'node:test'
import { temporaryFolder } from '../support/server.ts'

interface LockedPackage {
  version: string
  integrity?: string
  dev?: boolean
  devOptional?: boolean
  os?: string | string[]
  cpu?: string | string[]
  bin?: Record<string, string>
}

const LOCK_FILE = readFileSync('package-lock.json', 'utf8')
const LOCKED = (JSON.parse(LOCK_FILE) as { packages: Record<string, LockedPackage> }).packages
const MANIFEST = JSON.parse(readFileSync('package.json', 'utf8')) as { optionalDependencies: Record<string, string> }

describe('the lock file', () => {
  it('pins Node for each platform by version and hash', () => {
    const platforms = Object.entries(MANIFEST.optionalDependencies).map(([name, version]) => {
      const locked = LOCKED[`node_modules/${name}`]
      assert.equal(locked?.version, version, name)
      assert.match(locked.integrity ?? '', /^sha512-/, name)
      assert.ok(locked.bin?.['node'], name)
      return [locked.os, locked.cpu].join(' ')
    })
    assert.deepEqual(platforms.toSorted(), ['darwin arm64', 'darwin x64', 'linux arm64', 'linux x64', 'win32 x64'])
    assert.equal(new Set(Object.values(MANIFEST.optionalDependencies)).size, 1)
  })

  it('has a hash for every package that the program runs with', () => {
    const needed = Object.entries(LOCKED).filter(([path, { dev, devOptional }]) => path !== '' && !dev && !devOptional)
    assert.deepEqual(
      needed.flatMap(([path, { integrity }]) => (integrity ? [] : path)),
      [],
    )
  })

  it('leaves the choice of a registry to npm', () => {
    assert.doesNotMatch(LOCK_FILE, /"resolved"/)
  })
})

describe('bin/holdfast', () => {
  it('runs with the Node of its packages, whatever Node is on the PATH', () => {
    const { folder, run } = install()
    link(join(folder, 'node_modules/.bin/node'))
    assert.deepEqual(run(), { status: 0, stdout: '0.0.7\n', stderr: '' })
  })

  it('runs with the Node that was installed beside it in another project', () => {
    const { folder, run } = install()
    link(join(folder, '../.bin/node'))
    assert.equal(run().stdout, '0.0.7\n')
  })

  it('names each Node that is too old or does not run, and the command that installs the right one', () => {
    const { folder, run } = install()
    const broken = join(folder, 'node_modules/.bin/node')
    mkdirSync(dirname(broken), { recursive: true })
    writeFileSync(broken, '#!/bin/sh\necho "libatomic.so.1 is missing" >&2\nexit 127\n', { mode: 0o755 })
    const { status, stderr } = run()
    assert.equal(status, 78)
    assert.deepEqual(stderr.split('\n'), [
      `holdfast: Node 26 is missing. Run 'npm ci' in ${folder}, or put Node 26 on the PATH. Found:`,
      `  ${broken}: libatomic.so.1 is missing`,
      `  ${join(folder, '../../machine/node')}: v20.0.0`,
      '',
    ])
  })
})

/** An installed program of one line, on a machine whose own Node is an old one. */
function install() {
  const folder = join(temporaryFolder(), 'node_modules/holdfast')
  const machine = join(folder, '../../machine')
  for (const path of [join(folder, 'bin'), join(folder, 'dist/cli'), machine]) mkdirSync(path, { recursive: true })
  cpSync('bin/holdfast', join(folder, 'bin/holdfast'))
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  writeFileSync(join(folder, 'dist/cli/main.js'), 'console.log("0.0.7")')
  writeFileSync(join(machine, 'node'), '#!/bin/sh\necho v20.0.0\n')
  chmodSync(join(machine, 'node'), 0o755)
  const env = { PATH: `${machine}:/usr/bin:/bin` }
  const run = () => {
    const { status, stdout, stderr } = spawnSync(join(folder, 'bin/holdfast'), { env, encoding: 'utf8' })
    return { status, stdout, stderr }
  }
  return { folder, run }
}

function link(path: string): void {
  mkdirSync(dirname(path), { recursive: true })
  symlinkSync(process.execPath, path)
}
