import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, it } from 'node:test'
import { bytes } from '../support/bytes.ts'
import { startServer, temporaryFolder } from '../support/server.ts'

const TEMPLATE = `
source "file" "a" {
  content = "built by one file"
  target  = "a.txt"
}
build {
  sources = ["source.file.a"]
  provisioner "shell-local" { inline = ["echo step"] }
  post-processor "manifest" { output = "manifest.json" }
}
`

describe('the one-file program', () => {
  const folder = temporaryFolder()
  const program = join(folder, 'holdfast')

  before(() => {
    execFileSync(process.execPath, ['scripts/build-binary.js'])
    copyFileSync('out/holdfast', program)
  })

  /** Runs it with an empty environment, in its folder. */
  function run(args: string[], env: Record<string, string> = {}) {
    const { status, stdout, stderr } = spawnSync(program, args, { cwd: folder, env, encoding: 'utf8' })
    return { status, stdout, stderr }
  }

  it('says its version, and leaves no file', () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }
    assert.deepEqual(run(['--version']), { status: 0, stdout: `${version}\n`, stderr: '' })
    assert.deepEqual(readdirSync(folder), ['holdfast'])
  })

  it('serves the page, takes an upload and gives it back', async () => {
    await using server = await startServer({ executable: program })
    const content = bytes(3_000_000, 'one file')
    const { id } = await server.put('one.bin', content)
    assert.deepEqual((await server.guest(`/-${id}`)).bytes, content)
    const page = await server.guest('/', { headers: { accept: 'text/html' } })
    const [, script = ''] = /<script [^>]*src="([^"]+)"/.exec(page.text) ?? []
    const asset = await server.guest(new URL(script, server.url).pathname)
    assert.equal(asset.status, 200)
    assert.match(asset.headers.get('content-type') ?? '', /javascript/)
    assert.equal((await server.stop()).code, 0)
  })

  it('keeps states, and runs commands under locks', () => {
    const file = join(folder, 'import.json')
    writeFileSync(file, JSON.stringify({ builds: { web: { source: 'qemu.debian' } } }))
    assert.equal(run(['state', 'import', file]).status, 0)
    assert.match(run(['state', 'list']).stdout, /^web\b/m)
    const held = run(['lock', 'acquire', 'deploy', '--', program, 'lock', 'list'])
    assert.match(held.stdout, /^deploy\b/m, held.stderr)
  })

  it('starts processes of its own', () => {
    const { status, stdout, stderr } = run(['stress', 'lock', '--only', 'AbandonedLock', '--scale', '0.01'])
    assert.equal(status, 0, stdout + stderr)
    assert.match(stdout, /1 passed, 0 failed/)
  })

  it('builds with Packer', { skip: !existsSync('/usr/bin/packer') && 'packer is not installed' }, () => {
    writeFileSync(join(folder, 'a.pkr.hcl'), TEMPLATE)
    const { status, stdout, stderr } = run(['build', 'a.pkr.hcl'], { PATH: '/usr/bin:/bin', HOME: folder })
    assert.equal(status, 0, stdout + stderr)
    assert.equal(readFileSync(join(folder, 'a.txt'), 'utf8'), 'built by one file')
    assert.match(readFileSync(join(folder, 'manifest.json'), 'utf8'), /"last_run_uuid"/)
  })
})
