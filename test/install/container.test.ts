import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { matchesGlob } from 'node:path'
import { describe, it } from 'node:test'
import { OPTIONS } from '../../src/cli/options.ts'
import { startServer } from '../support/server.ts'

const DOCKERFILE = readFileSync('Dockerfile', 'utf8')

describe('the Dockerfile', () => {
  it('finds a server healthy while it answers, and unhealthy when it is gone', async () => {
    const [, words = ''] = /^HEALTHCHECK[^[]*(\[.*\])$/m.exec(DOCKERFILE) ?? []
    const [, ...args] = JSON.parse(words) as string[]
    const server = await startServer()
    const check = () => spawnSync(process.execPath, args, { env: { PORT: String(server.port) } }).status
    assert.equal(check(), 0)
    await server.stop()
    assert.equal(check(), 1)
  })

  it('copies only what is there', () => {
    const [, words = ''] = /cp -r --parents ((?:[^\\]|\\\n)*?) \/holdfast$/m.exec(DOCKERFILE) ?? []
    const paths = words.split(/[\s\\]+/)
    assert.ok(paths.length > 4)
    assert.deepEqual(
      paths.filter((path) => !existsSync(path)),
      [],
    )
  })

  it('gets all files that a build reads', () => {
    const [, inputs = ''] = /^const INPUTS = \[([^\]]*)\]/m.exec(readFileSync('scripts/build.js', 'utf8')) ?? []
    const allowed = [...readFileSync('.dockerignore', 'utf8').matchAll(/^!(.*)$/gm)].map(([, pattern = '']) => pattern)
    const needed = [...inputs.matchAll(/'([^'/]*)[^']*'/g)].map(([, name = '']) => name)
    assert.ok(needed.includes('src'))
    for (const name of [...needed, ...globSync('tsconfig*.json')]) {
      assert.ok(
        allowed.some((pattern) => matchesGlob(name, pattern)),
        `${name} is not let in by .dockerignore`,
      )
    }
  })
})

describe('compose.yaml and the Dockerfile', () => {
  it('set only variables that exist', () => {
    const names = [readFileSync('compose.yaml', 'utf8'), DOCKERFILE].flatMap(
      (text) => text.match(/\bHOLDFAST_\w+/g) ?? [],
    )
    const known = new Set(Object.values(OPTIONS).flatMap(({ env }) => env))
    assert.ok(names.length > 3)
    for (const name of names) assert.ok(known.has(name), `${name} is not a setting`)
  })
})
