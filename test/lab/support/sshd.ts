import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { canConnect, freePort } from '../../../src/lab/machines/free-port.ts'
import { until } from './machine-conformance.ts'

export const SSHD = '/usr/sbin/sshd'
const SSH_KEYGEN = '/usr/bin/ssh-keygen'

/** A real sshd on the loopback address, with keys of its own, and an ssh configuration that knows it as `lab-test`. */
export class Sshd implements AsyncDisposable {
  readonly options: string[]
  readonly #child: ChildProcess
  readonly #folder: string

  private constructor(folder: string, child: ChildProcess) {
    this.#folder = folder
    this.#child = child
    this.options = ['-F', join(folder, 'client')]
  }

  static async start(): Promise<Sshd> {
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-sshd-'))
    if (!existsSync('/run/sshd')) mkdirSync('/run/sshd')
    for (const name of ['host', 'user']) {
      execFileSync(SSH_KEYGEN, ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, name)])
    }
    copyFileSync(join(folder, 'user.pub'), join(folder, 'authorized'))
    const port = await freePort()
    const server = [
      `Port ${port}`,
      'ListenAddress 127.0.0.1',
      `HostKey ${folder}/host`,
      `AuthorizedKeysFile ${folder}/authorized`,
      `PidFile none`,
      'StrictModes no',
      'UsePAM no',
      'PasswordAuthentication no',
      'PermitRootLogin yes',
    ]
    writeFileSync(join(folder, 'server'), `${server.join('\n')}\n`)
    const client = [
      'Host lab-test',
      'HostName 127.0.0.1',
      `Port ${port}`,
      `User ${userInfo().username}`,
      `IdentityFile ${folder}/user`,
      'IdentitiesOnly yes',
      'StrictHostKeyChecking no',
      'UserKnownHostsFile /dev/null',
      'LogLevel ERROR',
    ]
    writeFileSync(join(folder, 'client'), `${client.join('\n  ')}\n`)
    const child = spawn(SSHD, ['-D', '-f', join(folder, 'server')], { stdio: 'ignore' })
    let isUp = false
    void (async () => {
      while (!isUp && child.exitCode === null) isUp = await canConnect(port)
    })()
    await until(() => isUp)
    return new Sshd(folder, child)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#child, 'exit')
    this.#child.kill('SIGTERM')
    await ended
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
