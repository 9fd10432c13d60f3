import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Cgroup2Machine, type CgroupHost } from '../../src/lab/machines/cgroup2.ts'
import { freePort } from '../../src/lab/machines/free-port.ts'
import type { BootRequest } from '../../src/lab/machines/machine.ts'
import { ProcessMachine } from '../../src/lab/machines/process.ts'
import { QemuMachine } from '../../src/lab/machines/qemu/qemu.ts'
import { killSession } from '../../src/lab/machines/server-process.ts'
import { SshMachine } from '../../src/lab/machines/ssh.ts'
import { ServerUnderTest } from '../../src/lab/run/server-under-test.ts'
import { CommandTarget } from '../../src/lab/targets/command.ts'
import { checkMachine, firstStatus, until, withMachine } from './support/machine-conformance.ts'
import { FAKE_SERVER } from './support/lab-run.ts'
import { Sshd, SSHD } from './support/sshd.ts'

const noQemu = await whyNoQemu()
const noSshd = existsSync(SSHD) ? false : 'sshd is not installed'

describe('a machine of kind', () => {
  it('fulfils the contract of machines: process', async () => {
    await checkMachine(new ProcessMachine())
  })

  it('fulfils the contract of machines: ssh', { skip: noSshd }, async () => {
    await using sshd = await Sshd.start()
    await checkMachine(new SshMachine('lab-test', sshd.options))
  })

  it('fulfils the contract of machines, with the given memory: qemu', { skip: noQemu }, async () => {
    await checkMachine(new QemuMachine())
  })
})

describe('a server that is being started', () => {
  it('is not waited for when the folder of its machine is gone, as after the lab was killed', async () => {
    await withMachine(new ProcessMachine(), 256, async ({ machine, serve }) => {
      // The pid cannot be written.
      mkdirSync(join(machine.workFolder, 'pid.new'))
      const starting = serve()
      const session = join(machine.workFolder, 'session')
      await until(() => existsSync(session) && readFileSync(session, 'utf8') !== '')
      await machine.shell.run(killSession(machine.workFolder), { signal: new AbortController().signal })
      rmSync(machine.workFolder, { recursive: true })
      await assert.rejects(starting, { code: 'MACHINE_FAILED', message: /the server's pid was not told/ })
    })
  })
})

describe('a server that has ended', () => {
  it('has the status that it ended with, however long its parent takes to write it', async () => {
    await withMachine(new ProcessMachine(), 256, async ({ machine, serve }) => {
      const { server } = await serve()
      const parent = Number(readFileSync(join(machine.workFolder, 'session'), 'utf8'))
      process.kill(parent, 'SIGSTOP')
      process.kill(server.pid, 'SIGTERM')
      await sleep(1000)
      process.kill(parent, 'SIGCONT')
      assert.deepEqual(await server.exited, { status: 143, outOfMemory: false })
    })
  })

  it('is not said to live on while its status is still to come', async () => {
    await withMachine(new ProcessMachine(), 256, async ({ machine, signal }) => {
      const target = await new CommandTarget(`${process.execPath} ${FAKE_SERVER} {port}`).prepare()
      const server = await ServerUnderTest.start(target, machine, signal)
      await server.untilReady(20_000, signal)
      const [parent, pid] = ['session', 'pid'].map((name) =>
        Number(readFileSync(join(machine.workFolder, name), 'utf8')),
      )
      process.kill(parent ?? 0, 'SIGSTOP')
      process.kill(pid ?? 0, 'SIGKILL')
      const explained = server.explain(new Error('reset'))
      await sleep(4000)
      process.kill(parent ?? 0, 'SIGCONT')
      assert.match(String(await explained), /the server was killed by signal 9/)
      await server.stop()
    })
  })

  it('is not waited for when its parent was killed with it', async () => {
    await withMachine(new ProcessMachine(), 256, async ({ machine, serve }) => {
      const { server } = await serve()
      await machine.shell.run(killSession(machine.workFolder), { signal: new AbortController().signal })
      assert.deepEqual(await server.exited, { status: 137, outOfMemory: false })
    })
  })
})

describe('the suite of machines', () => {
  it('catches a machine that leaves its servers running', async () => {
    class Forgetful extends ProcessMachine {
      override async boot(request: BootRequest) {
        const machine = await super.boot(request)
        let calls = 0
        // The suite's own clean-up is the third call.
        return { ...machine, stop: async () => ((calls += 1) > 2 ? machine.stop() : []) }
      }
    }
    await assert.rejects(checkMachine(new Forgetful()), /it takes its servers with it/)
  })

  it('catches a machine whose shell hides how a script ended', async () => {
    class Hushing extends ProcessMachine {
      override async boot(request: BootRequest) {
        const machine = await super.boot(request)
        const { shell } = machine
        return {
          ...machine,
          shell: {
            run: async (...args: Parameters<typeof shell.run>) => ({ ...(await shell.run(...args)), status: 0 }),
          },
        }
      }
    }
    await assert.rejects(checkMachine(new Hushing()), { code: 'ERR_ASSERTION' })
  })
})

describe('a server over ssh', { skip: noSshd }, () => {
  it('keeps ssh hanging in the background of the session', async () => {
    await using sshd = await Sshd.start()
    const port = await freePort()
    const command = `${process.execPath} ${FAKE_SERVER} ${port} & echo "pid $!"`
    const ssh = spawn('ssh', [...sshd.options, '-T', 'lab-test', command], { stdio: ['ignore', 'pipe', 'ignore'] })
    const [said] = (await once(ssh.stdout, 'data')) as [Buffer]
    const pid = Number(/pid (\d+)/.exec(said.toString())?.[1])
    try {
      assert.equal(await firstStatus(`http://127.0.0.1:${port}`), 200)
      await sleep(2000)
      assert.equal(ssh.exitCode, null, 'the command has long ended, ssh has not')
    } finally {
      process.kill(pid, 'SIGKILL')
      await once(ssh, 'exit')
    }
  })

  it('survives ssh in its own session when the lab starts it', async () => {
    await using sshd = await Sshd.start()
    await withMachine(new SshMachine('lab-test', sshd.options), 256, async ({ serve }) => {
      // It resolves when the ssh client that started it has exited.
      const { server, url } = await serve()
      assert.equal(await firstStatus(url), 200)
      const session = (pid: number) =>
        Number(
          readFileSync(`/proc/${pid}/stat`, 'utf8')
            .replace(/^.*\) /s, '')
            .split(' ')[3],
        )
      assert.notEqual(session(server.pid), session(process.pid))
      const parents = readFileSync(`/proc/${session(server.pid)}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ')
      assert.equal(parents[1], '1', 'no sshd is among its parents')
    })
  })
})

describe('a machine of kind cgroup2', () => {
  const refusal = async (host: Partial<CgroupHost>) => {
    const machine = new Cgroup2Machine({ root: '/nonexistent', ownGroups: '0::/lab\n', hasSystemd: false, ...host })
    try {
      await machine.check()
    } catch (error) {
      return String(error)
    }
    return null
  }

  it('refuses cgroup v1 and says why', async () => {
    const ownGroups = '9:name=systemd:/x\n5:cpu,cpuacct:/x\n4:memory:/x\n0::/x\n'
    assert.match((await refusal({ ownGroups })) ?? '', /cgroup v1, which can freeze every writer of a disk/)
  })

  it('is unavailable without cgroups, or without a memory controller to delegate', async () => {
    assert.match((await refusal({ ownGroups: '' })) ?? '', /there is no cgroup v2/)
    using host = fakeHierarchy('cpu')
    assert.match((await refusal({ root: host.root })) ?? '', /hands the memory controller on/)
    assert.equal(await refusal({ root: host.root, hasSystemd: true }), null, 'systemd makes scopes with limits')
  })

  it('limits the memory of a delegated cgroup, and moves the server into it', async () => {
    using host = fakeHierarchy('cpu memory')
    const driver = new Cgroup2Machine({ root: host.root, ownGroups: '0::/lab\n', hasSystemd: false })
    await withMachine(driver, 300, async ({ machine, serve }) => {
      const { server } = await serve()
      const [group = ''] = machine.commandPrefix[2]?.match(/\/\S+(?=\/cgroup\.procs)/) ?? []
      assert.equal(readFileSync(join(group, 'memory.max'), 'utf8'), String(300 * 2 ** 20))
      // The process that becomes the server enters it, after its pid is known.
      const procs = join(group, 'cgroup.procs')
      await until(() => existsSync(procs) && Number(readFileSync(procs, 'utf8')) === server.pid)
      // A real cgroup has no files to remove.
      rmSync(group, { recursive: true })
      mkdirSync(group)
    })
  })
})

/** A folder that looks like a mounted cgroup v2 with a group `/lab`. */
function fakeHierarchy(controllers: string): Disposable & { root: string } {
  const root = mkdtempSync(join(tmpdir(), 'holdfast-cgroup-'))
  mkdirSync(join(root, 'lab'))
  writeFileSync(join(root, 'cgroup.controllers'), `${controllers}\n`)
  writeFileSync(join(root, 'lab/cgroup.subtree_control'), `${controllers}\n`)
  return { root, [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }) }
}

async function whyNoQemu(): Promise<string | false> {
  try {
    await new QemuMachine().check()
    return false
  } catch (error) {
    return String(error)
  }
}
