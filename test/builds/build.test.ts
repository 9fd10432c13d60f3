/** `holdfast build` with the real packer, as a shell runs it. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { SELF } from '../../src/base/index.ts'
import { metadataOf } from '../../src/builds/index.ts'
import { DerivedFile } from '../../src/builds/template/index.ts'
import { finish, until, Workshop } from './support/workshop.ts'

describe('a build with three steps', () => {
  it('is recorded as complete, and then is up to date: nothing runs', async () => {
    const shop = new Workshop()
    shop.writeSteps(['echo one >>count'], ['echo two >>count', 'echo "said, by two"'], ['echo three >>count'])
    const { status, out } = await shop.build('steps.pkr.hcl')
    assert.equal(status, 0, out)
    const build = await shop.record('steps/null.a')
    assert.ok(build)
    assert.equal(build.status, 'complete')
    assert.deepEqual(await shop.steps(), ['complete', 'complete', 'complete'])
    for (const step of build.provisioners) {
      assert.equal(step.exitStatus, 0)
      assert.equal(step.attempts, 1)
      assert.ok(step.startedAt && step.endedAt && step.startedAt <= step.endedAt)
    }
    assert.match(build.provisioners[1]?.output ?? '', /^said, by two$/)
    assert.equal(build.templateHash, metadataOf(build)?.fingerprint.final)

    // As a kill leaves it after the last record: the template of a process that is gone.
    await DerivedFile.write(shop.folder, { text: '', suffix: '.pkr.hcl' }, { ...SELF, started: '1' })
    const again = await shop.build('steps.pkr.hcl')
    assert.deepEqual([again.status, again.out], [0, 'steps/null.a: up to date\n'])
    assert.equal(shop.read('count'), 'one\ntwo\nthree\n')
    assert.deepEqual(await shop.record('steps/null.a'), build)
    assert.deepEqual(shop.leftTemplates(), [])
  })

  it('fails in its second, and resumes there once the cause is gone', async () => {
    const shop = new Workshop()
    shop.writeSteps(
      ['echo one >>count'],
      ['echo two >>count', 'echo why >&2', 'test -e ok || exit 3'],
      ['echo three >>count'],
    )
    const failed = await shop.build('steps.pkr.hcl')
    assert.equal(failed.status, 1)
    assert.match(failed.out, /steps\/null\.a failed in step 2 of 3 \(shell-local: echo two >>count\): .*status: 3/)
    assert.match(failed.out, /^ {4}why$/m)
    const before = await shop.record('steps/null.a')
    assert.deepEqual(await shop.steps(), ['complete', 'failed', 'skipped'])
    assert.equal(before?.status, 'failed')
    assert.match(before.error ?? '', /non-zero exit status: 3/)
    const [first, second] = before.provisioners
    assert.equal(second?.exitStatus, 3)
    assert.match(second.output ?? '', /why$/)
    assert.match(second.error ?? '', /non-zero exit status: 3/)

    shop.write('ok', '')
    const resumed = await shop.build('steps.pkr.hcl')
    assert.equal(resumed.status, 0, resumed.out)
    assert.match(resumed.out, /its last build failed; it goes on with step 2 of 3/)
    assert.equal(shop.read('count'), 'one\ntwo\ntwo\nthree\n')
    const after = await shop.record('steps/null.a')
    assert.deepEqual(await shop.steps(), ['complete', 'complete', 'complete'])
    assert.deepEqual(after?.provisioners[0], first)
    assert.equal(after?.provisioners[1]?.attempts, 2)
    assert.equal(after.error, null)
  })

  it('starts over with --no-resume, and resumes at an earlier step that has changed', async () => {
    const shop = new Workshop()
    const steps = (second: string) => shop.writeSteps(['echo one >>count'], [`echo ${second} >>count`], ['exit 4'])
    steps('two')
    await shop.build('steps.pkr.hcl')
    await shop.build('--no-resume', 'steps.pkr.hcl')
    assert.equal(shop.read('count'), 'one\ntwo\none\ntwo\n')
    steps('TWO')
    const { out } = await shop.build('steps.pkr.hcl')
    assert.match(out, /it goes on with step 2 of 3/)
    assert.equal(shop.read('count'), 'one\ntwo\none\ntwo\nTWO\n')
  })

  it('is built again from its start when a script that it runs has changed', async () => {
    const shop = new Workshop()
    chmodSync(shop.write('script.sh', '#!/bin/sh\necho first >>count\n'), 0o755)
    shop.write(
      'scripts.pkr.hcl',
      'source "null" "a" {\n  communicator = "none"\n}\nbuild {\n  sources = ["null.a"]\n  provisioner "shell-local" {\n    script = "script.sh"\n  }\n}\n',
    )
    assert.equal((await shop.build('scripts.pkr.hcl')).status, 0)
    shop.write('script.sh', '#!/bin/sh\necho second >>count\n')
    const { out } = await shop.build('scripts.pkr.hcl')
    assert.match(out, /the template, or something that it refers to, has changed/)
    assert.equal(shop.read('count'), 'first\nsecond\n')
    await shop.build('scripts.pkr.hcl', '-force')
    assert.equal(shop.read('count'), 'first\nsecond\nsecond\n')
  })
})

describe('two templates of one name', () => {
  const template = (command: string) =>
    `source "null" "x" { communicator = "none" }\nbuild {\n  sources = ["null.x"]\n  provisioner "shell-local" { inline = ["${command}"] }\n}\n`

  it('do not replace each other: the second is refused, unless it is the first, moved or linked to', async () => {
    const shop = new Workshop()
    for (const name of ['a', 'b']) mkdirSync(join(shop.folder, name))
    const [a, b] = ['a', 'b'].map((name) => shop.write(`${name}/web.pkr.hcl`, template(`echo ${name} >>count`)))
    assert.ok(a && b)
    assert.equal((await shop.build('a/web.pkr.hcl')).status, 0)
    const before = await shop.record('web/null.x')
    for (const flags of [[], ['--force']]) {
      const { status, err } = await shop.build(...flags, 'b/web.pkr.hcl')
      assert.equal(status, 65)
      assert.match(err, new RegExp(`web/null.x in the state default is a build of ${a}, and ${b} would`))
      assert.match(err, /--state NAME/)
    }
    assert.deepEqual(await shop.record('web/null.x'), before)
    assert.equal((await shop.build('--state', 'b', 'b/web.pkr.hcl')).status, 0)
    assert.equal(shop.read('count'), 'a\nb\n')

    symlinkSync('a', join(shop.folder, 'link'))
    assert.equal((await shop.build('link/web.pkr.hcl')).status, 0)
    rmSync(a)
    const moved = await shop.build('b/web.pkr.hcl')
    assert.equal(moved.status, 0, moved.err)
    assert.match(moved.out, /its last build was made from/)
  })

  it('do not when they begin at once', async () => {
    const shop = new Workshop()
    for (const name of ['a', 'b']) {
      mkdirSync(join(shop.folder, name))
      shop.write(`${name}/web.pkr.hcl`, template(`echo ${name} >>count`))
    }
    const held = finish(
      shop.start('lock', 'acquire', 'state/default', '--', 'sh', '-c', 'until test -e go; do sleep 0.05; done'),
    )
    await until(async () => JSON.parse((await shop.run('lock', 'list', '--json')).out || '[]').length === 1)
    // Neither finds a record; then both wait.
    const both = ['a', 'b'].map((name) => finish(shop.start('build', '--lock-timeout=1m', `${name}/web.pkr.hcl`)))
    await until(async () =>
      /"waiting": \[[^\]]*"build"[^\]]*"build"/.test((await shop.run('lock', 'list', '--json')).out),
    )
    shop.write('go', '')
    await held
    const results = await Promise.all(both)
    assert.deepEqual(new Set(results.map(({ status }) => status)), new Set([0, 65]))
    assert.match(shop.read('count'), /^[ab]\n$/)
  })
})

describe('a script that changes while it is built', () => {
  const TEMPLATE = `source "null" "a" { communicator = "none" }
build {
  sources = ["null.a"]
  provisioner "shell-local" { inline = ["echo one >>count"] }
  provisioner "shell-local" { inline = ["touch began; while ! test -e go; do sleep 0.05; done"] }
  provisioner "shell-local" { script = "three.sh" }
  provisioner "shell-local" { inline = ["test ! -e bad"] }
}
`
  const three = (what: string) => `#!/bin/sh\necho ${what} >>count\n`

  for (const isFailure of [false, true]) {
    it(`is not taken for what it was before, when the build ${isFailure ? 'fails' : 'is complete'}`, async () => {
      const shop = new Workshop()
      shop.write('late.pkr.hcl', TEMPLATE)
      chmodSync(shop.write('three.sh', three('old')), 0o755)
      if (isFailure) shop.write('bad', '')
      const first = finish(shop.start('build', 'late.pkr.hcl'))
      await until(() => existsSync(join(shop.folder, 'began')))
      shop.write('three.sh', three('new'))
      shop.write('go', '')
      const { status, out } = await first
      assert.equal(status, isFailure ? 1 : 0, out)
      assert.match(out, /something that it refers to changed while it was built/)
      // Not even for the moment in which a kill could have come.
      const ends = (await shop.versions('late/null.a')).filter(({ endedAt }) => endedAt !== null)
      assert.deepEqual([...new Set(ends.map(({ templateHash }) => templateHash))], ['changed while it was built'])
      shop.write('three.sh', three('old'))
      rmSync(join(shop.folder, 'bad'), { force: true })
      const again = await shop.build('late.pkr.hcl')
      assert.equal(again.status, 0, again.out)
      assert.equal(shop.read('count'), isFailure ? 'one\nnew\nold\n' : 'one\nnew\none\nold\n')
      assert.equal((await shop.build('late.pkr.hcl')).out, 'late/null.a: up to date\n')
    })
  }
})

const FILE = `source "file" "f" {
  content = "hello"
  target  = "out.txt"
}
build {
  sources = ["file.f"]
  provisioner "shell-local" {
    inline = ["echo ran >>count"]
  }
  post-processor "manifest" {
    output = "theirs.json"
  }
}
`

describe('artifacts', () => {
  it('are recorded with size, hash and type, and the build runs again when one is damaged or gone', async () => {
    const shop = new Workshop()
    shop.write('file.pkr.hcl', FILE)
    assert.equal((await shop.build('file.pkr.hcl')).status, 0)
    const artifact = {
      path: join(shop.folder, 'out.txt'),
      sizeBytes: 5,
      sha256: '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824',
      url: null,
    }
    const [recorded] = (await shop.record('file/file.f'))?.artifacts ?? []
    assert.deepEqual(recorded, { ...artifact, type: recorded?.type })
    assert.match(recorded?.type ?? '', /file/)
    assert.match(shop.read('theirs.json'), /out\.txt/)

    utimesSync(artifact.path, 1, 1)
    assert.match((await shop.build('file.pkr.hcl')).out, /up to date/)
    shop.write('out.txt', 'HELLO')
    assert.match((await shop.build('file.pkr.hcl')).out, /its artifact .*out\.txt has another content/)
    assert.equal(shop.read('out.txt'), 'hello')
    rmSync(artifact.path)
    assert.match((await shop.build('file.pkr.hcl')).out, /its artifact .*out\.txt is gone/)
    assert.equal(shop.read('count'), 'ran\nran\nran\n')
  })

  it('can be listed and shown, and JSON says the same', async () => {
    const shop = new Workshop()
    shop.write('file.pkr.hcl', FILE)
    const { out } = await shop.build('--json', 'file.pkr.hcl')
    const { outcomes } = JSON.parse(out) as { outcomes: { name: string; status: string; build: unknown }[] }
    assert.deepEqual([outcomes[0]?.name, outcomes[0]?.status], ['file/file.f', 'complete'])
    assert.deepEqual(outcomes[0]?.build, await shop.record('file/file.f'))
    assert.match((await shop.run('builds', 'list')).out, /^file\/file\.f +complete +1\/1 /m)
    assert.match((await shop.run('builds', 'show', 'file/file.f')).out, /^1 +shell-local.* complete .* 0 +1$/m)
    assert.match((await shop.run('builds', 'artifacts')).out, /5 B +2cf24dba/)
    assert.equal((await shop.run('builds', 'show', 'none')).status, 66)
  })

  it('cannot make a build resumable whose builder starts over', async () => {
    const shop = new Workshop()
    shop.write('file.pkr.hcl', FILE.replace('echo ran >>count', 'test -e ok'))
    assert.equal((await shop.build('file.pkr.hcl')).status, 1)
    const { status, err } = await shop.build('file.pkr.hcl', '--resume')
    assert.equal(status, 65)
    assert.match(err, /file\/file\.f cannot be resumed: it starts over: The file builder/)
    shop.write('ok', '')
    assert.match((await shop.build('file.pkr.hcl')).out, /it starts over: .*\n(.*\n)*file\/file\.f: complete/)
  })
})

const VARIABLES = `variable "a" {
  default = "default-a"
}
variable "b" {
  default = "default-b"
}
variable "c" {
  default = "default-c"
}
variable "d" {
  default = "default-d"
}
source "null" "v" {
  communicator = "none"
}
build {
  sources = ["null.v"]
  provisioner "shell-local" {
    inline = ["echo \${var.a} \${var.b} \${var.c} \${var.d} >>said"]
  }
}
`

describe('variables', () => {
  it('come from defaults, the command line, the environment and files; another value is another build', async () => {
    const shop = new Workshop()
    shop.write('vars.pkr.hcl', VARIABLES)
    shop.write('more.pkrvars.hcl', 'd = "file-d"\n')
    shop.env = { PKR_VAR_c: 'env-c' }
    const args = ['-var', 'b=given-b', '-var-file=more.pkrvars.hcl', 'vars.pkr.hcl']
    const { status, out, err } = await shop.build(...args)
    assert.equal(status, 0, out + err)
    assert.equal(shop.read('said'), 'default-a given-b env-c file-d\n')
    assert.match((await shop.build(...args)).out, /up to date/)
    shop.env = { PKR_VAR_c: 'other-c' }
    await shop.build(...args)
    assert.equal(shop.read('said'), 'default-a given-b env-c file-d\ndefault-a given-b other-c file-d\n')
  })

  it('are ignored in a file when the template lacks them, and refused elsewhere', async () => {
    const shop = new Workshop()
    shop.write('vars.pkr.hcl', VARIABLES)
    shop.write('shared.pkrvars.hcl', 'b = "file-b"\nother = "of another template"\n')
    shop.env = { PKR_VAR_c: 'env-c' }
    const args = ['-var-file=shared.pkrvars.hcl', 'vars.pkr.hcl']
    assert.equal((await shop.build(...args)).status, 0)
    assert.equal(shop.read('said'), 'default-a file-b env-c default-d\n')
    assert.equal((await shop.build(...args)).out, 'vars/null.v: up to date\n')
    const unknown = await shop.build('-var', 'nope=1', ...args)
    assert.equal(unknown.status, 65)
    assert.match(unknown.err, /^holdfast: Packer does not take what was given to vars\.pkr\.hcl: .*"nope"[^\n]*\n$/)
    const formless = await shop.build('-var', 'nope', ...args)
    assert.notEqual(formless.status, 0)
    assert.match(formless.err, /"nope" is not of the form name=value/)
    shop.write('vars.pkr.hcl', VARIABLES.replace('var.d', 'var.dd'))
    assert.match((await shop.build(...args)).err, /vars\.pkr\.hcl has no variable "dd"; it has: a, b, c, d\./)
  })

  it('appear nowhere in the state and its logs when they are sensitive', async () => {
    const shop = new Workshop()
    shop.write(
      'vars.pkr.hcl',
      VARIABLES.replace('"default-a"', '"default-a"\n  sensitive = true').replace('>>said', ''),
    )
    assert.equal((await shop.build('-var', 'a=geheimnis', 'vars.pkr.hcl')).status, 0)
    const build = await shop.record('vars/null.v')
    const log = (build && metadataOf(build)?.run.log) ?? ''
    const text = JSON.stringify(build) + readFileSync(log, 'utf8')
    assert.doesNotMatch(text, /geheimnis/)
    assert.match(text, /<sensitive>/)
  })
})

describe('two sources', () => {
  const both = (wait: (other: string) => string) => `source "null" "a" {
  communicator = "none"
}
source "null" "b" {
  communicator = "none"
}
build {
  sources = ["null.a", "null.b"]
  provisioner "shell-local" {
    only   = ["null.a"]
    inline = ["touch a; ${wait('b')}"]
  }
  provisioner "shell-local" {
    only   = ["null.b"]
    inline = ["touch b; ${wait('a')}"]
  }
}
`
  it('are built side by side, with a record each', async () => {
    const shop = new Workshop()
    shop.write(
      'two.pkr.hcl',
      both((other) => `for i in $(seq 1200); do test -e ${other} && exit 0; sleep 0.05; done; exit 9`),
    )
    const { status, out } = await shop.build('two.pkr.hcl')
    assert.equal(status, 0, out)
    assert.deepEqual([await shop.steps('two/null.a'), await shop.steps('two/null.b')], [['complete'], ['complete']])
  })

  it('fail one by one; -only and -except choose', async () => {
    const shop = new Workshop()
    shop.write(
      'two.pkr.hcl',
      both((other) => `test ${other} = b`),
    )
    assert.equal((await shop.build('two.pkr.hcl')).status, 1)
    assert.deepEqual([await shop.steps('two/null.a'), await shop.steps('two/null.b')], [['complete'], ['failed']])
    assert.equal((await shop.build('-only=null.a', 'two.pkr.hcl')).out, 'two/null.a: up to date\n')
    assert.equal((await shop.build('-except', 'null.b', 'two.pkr.hcl')).out, 'two/null.a: up to date\n')
    assert.equal((await shop.build('-only', 'null.c', 'two.pkr.hcl')).status, 65)
  })
})

describe('a build under a lock of its state that its caller took', () => {
  it('runs without blocking itself, and keeps out the next build under the same lock', async () => {
    const shop = new Workshop()
    shop.writeSteps(['echo ran >>count', 'while ! test -e go; do sleep 0.05; done'])
    const self = `"${process.execPath}" "${join(import.meta.dirname, '../../src/cli/main.ts')}"`
    const two = `${self} build steps.pkr.hcl & until test -e count; do sleep 0.05; done; ${self} build --force steps.pkr.hcl; touch go; wait`
    const { status, out, err } = await shop.run('lock', 'acquire', 'state/default', '--', 'sh', '-c', two)
    assert.equal(status, 0, err)
    assert.match(err, /held by \S+ \(pid \d+\) since \S+ for "build"/)
    assert.match(out, /steps\/null\.a: complete/)
    assert.equal(shop.read('count'), 'ran\n')
    assert.equal((await shop.build('steps.pkr.hcl')).out, 'steps/null.a: up to date\n')
  })
})

describe('two builds of one state at once', () => {
  it('do not meet: the second fails with the name of the first, or waits for it', async () => {
    const shop = new Workshop()
    shop.writeSteps(['echo ran >>count', 'while ! test -e go; do sleep 0.05; done'])
    const first = shop.start('build', 'steps.pkr.hcl')
    const firstEnded = finish(first)
    await until(() => shop.read('count') !== '')
    const second = await shop.build('steps.pkr.hcl')
    assert.equal(second.status, 75)
    assert.match(second.err, new RegExp(`held by \\S+ \\(pid ${first.pid}\\) since \\S+ for "build"`))
    assert.match(second.err, /--lock-timeout/)
    const waiting = shop.start('build', '--lock-timeout', '1m', 'steps.pkr.hcl')
    let said = ''
    waiting.stdout?.on('data', (data: Buffer) => (said += data.toString()))
    const waitingEnded = finish(waiting)
    await until(() => said.includes('waiting for the lock'))
    assert.match(said, new RegExp(`held by \\S+ \\(pid ${first.pid}\\)`))
    shop.write('go', '')
    assert.equal((await firstEnded).status, 0)
    assert.match((await waitingEnded).out, /up to date/)
    assert.equal(shop.read('count'), 'ran\n')
  })
})

describe('what cannot be built', () => {
  it('is told before anything is recorded: a broken template, a missing packer', async () => {
    const shop = new Workshop()
    shop.write('broken.pkr.hcl', 'source "null" "a" {\n  communicator = "none"\nbuild {\n')
    const broken = await shop.build('broken.pkr.hcl')
    assert.equal(broken.status, 65)
    assert.match(broken.err, /broken\.pkr\.hcl/)
    shop.write('wrong.pkr.hcl', 'source "null" "a" {\n  comunicator = "none"\n}\nbuild {\n  sources = ["null.a"]\n}\n')
    const wrong = await shop.build('wrong.pkr.hcl')
    assert.equal(wrong.status, 65)
    assert.match(wrong.err, /comunicator/)
    shop.writeSteps(['true'])
    shop.env = { PATH: '/nowhere' }
    const missing = await shop.build('steps.pkr.hcl')
    assert.equal(missing.status, 69)
    assert.match(missing.err, /Packer was not found[^]*apt-get install packer/)
    shop.env = {}
    assert.equal((await shop.build('vanished.pkr.hcl')).status, 66)
    assert.match((await shop.run('builds', 'list')).out, /There are no builds/)
  })

  it('is a template in a folder that cannot be written', async (t) => {
    const shop = new Workshop()
    const locked = join(shop.folder, 'locked')
    mkdirSync(locked)
    shop.write('locked/t.pkr.hcl', FILE)
    const unlock = forbidWriting(locked)
    if (!unlock) return t.skip('root may write anywhere here: no read-only mount can be had')
    const { status, err } = await shop.build('locked/t.pkr.hcl')
    unlock()
    assert.equal(status, 65)
    assert.match(err, /must be writable/)
  })
})

/**
 * Root is stopped by no permission bits, but by a read-only mount.
 * @returns what undoes it, or null when it cannot be done.
 */
function forbidWriting(path: string): (() => void) | null {
  if (process.getuid?.() !== 0) {
    chmodSync(path, 0o500)
    return () => chmodSync(path, 0o700)
  }
  if (spawnSync('mount', ['--bind', path, path]).status !== 0) return null
  const isReadOnly = spawnSync('mount', ['-o', 'remount,ro,bind', path]).status === 0
  const unlock = () => void spawnSync('umount', [path])
  if (isReadOnly) return unlock
  unlock()
  return null
}

describe('retries', () => {
  it('repeat transient failures, from the failed step on, and are recorded', async () => {
    const shop = new Workshop()
    const flaky = 'test $(grep -c two count) -ge 3 || { echo "E: Could not connect: Connection refused"; exit 100; }'
    shop.writeSteps(['echo one >>count'], ['echo two >>count', flaky], ['echo three >>count'])
    const { status, out } = await shop.build('--retry-delay', '10ms', 'steps.pkr.hcl')
    assert.equal(status, 0, out)
    assert.match(out, /retry 1 of 2, because a connection was refused[^]*retry 2 of 2/)
    assert.equal(shop.read('count'), 'one\ntwo\ntwo\ntwo\nthree\n')
    const build = await shop.record('steps/null.a')
    assert.equal(build?.provisioners[1]?.attempts, 3)
    assert.equal(metadataOf(build)?.run.attempt, 3)
  })

  it('end after as many as were asked for', async () => {
    const shop = new Workshop()
    shop.writeSteps(['echo ran >>count', 'exit 75'])
    assert.equal((await shop.build('--retries', '1', '--retry-delay=10ms', 'steps.pkr.hcl')).status, 1)
    assert.equal(shop.read('count'), 'ran\nran\n')
  })

  it('are never made of a real failure', async () => {
    const shop = new Workshop()
    shop.writeSteps(['echo ran >>count', 'echo syntax error', 'exit 1'])
    const { status, out } = await shop.build('--retry-delay=10ms', 'steps.pkr.hcl')
    assert.equal(status, 1)
    assert.doesNotMatch(out, /retry/)
    assert.equal(shop.read('count'), 'ran\n')
  })
})

describe('names and places', () => {
  it('may be odd', async () => {
    const shop = new Workshop(`it's "odd", ünï $HOME \${y}`)
    shop.write('a b.pkr.hcl', FILE)
    const { status, out, err } = await shop.build('a b.pkr.hcl')
    assert.equal(status, 0, out + err)
    assert.equal((await shop.record('a b/file.f'))?.artifacts[0]?.sizeBytes, 5)
    assert.deepEqual(await shop.steps('a b/file.f'), ['complete'])
  })

  it('may be a folder of files, or a JSON template', async () => {
    const shop = new Workshop()
    mkdirSync(join(shop.folder, 'image'))
    shop.write('image/source.pkr.hcl', 'source "null" "a" {\n  communicator = "none"\n}\n')
    shop.write(
      'image/build.pkr.hcl',
      'build {\n  sources = ["null.a"]\n  provisioner "shell-local" {\n    inline = ["echo hcl >>said"]\n  }\n}\n',
    )
    assert.equal((await shop.build('image')).status, 0)
    const legacy = {
      builders: [{ type: 'null', name: 'old one', communicator: 'none' }],
      provisioners: [{ type: 'shell-local', inline: ['echo json >>said'] }],
    }
    shop.write('old.json', JSON.stringify(legacy))
    assert.equal((await shop.build('old.json')).status, 0)
    assert.deepEqual([await shop.steps('image/null.a'), await shop.steps('old/old one')], [['complete'], ['complete']])
    assert.equal(shop.read('said'), 'hcl\njson\n')
  })
})

describe('a template in a folder', () => {
  it('is not mixed up with what a killed Holdfast left there, and its mistakes are told where they are', async () => {
    const shop = new Workshop()
    mkdirSync(join(shop.folder, 'image'))
    const source = 'source "null" "a" {\n  communicator = "none"\n}\n'
    shop.write('image/a.pkr.hcl', source)
    shop.write('image/b.pkr.hcl', 'build {\n  sources = ["null.a"]\n}\n')
    shop.write('image/.holdfast-1-left.pkr.hcl', source)
    const { status, out, err } = await shop.build('image')
    assert.equal(status, 0, out + err)
    rmSync(join(shop.folder, 'image/.holdfast-1-left.pkr.hcl'), { force: true })
    shop.write('image/b.pkr.hcl', 'build {\n  sources = ["null.a"]\n  provisioner "nonsense" {}\n}\n')
    const wrong = await shop.build('image')
    assert.equal(wrong.status, 65)
    assert.match(wrong.err, /b\.pkr\.hcl/)
  })
})

describe('a post-processor', () => {
  it('runs in the next build when -except left it out', async () => {
    const shop = new Workshop()
    shop.write('file.pkr.hcl', FILE)
    assert.equal((await shop.build('-except', 'manifest', 'file.pkr.hcl')).status, 0)
    assert.equal(shop.read('theirs.json'), '')
    assert.equal((await shop.build('-except', 'manifest', 'file.pkr.hcl')).out, 'file/file.f: up to date\n')
    assert.equal((await shop.build('file.pkr.hcl')).status, 0)
    assert.match(shop.read('theirs.json'), /out\.txt/)
  })
})

describe('prune', () => {
  it('keeps the logs of the newest runs and of the recorded run', async () => {
    const shop = new Workshop()
    shop.writeSteps(['true'])
    for (let run = 0; run < 3; run++) await shop.build('--force', 'steps.pkr.hcl')
    const runs = () => readdirSync(join(shop.data, 'builds/default')).length
    assert.equal(runs(), 3)
    assert.match(
      (await shop.run('builds', 'prune', '--keep', '1', '--dry-run')).out,
      /would be removed[^]*would be freed/,
    )
    assert.equal(runs(), 3)
    await shop.run('builds', 'prune', '--keep', '0')
    assert.equal(runs(), 1)
    const build = await shop.record('steps/null.a')
    assert.ok(build && existsSync(metadataOf(build)?.run.log ?? ''))
  })
})
