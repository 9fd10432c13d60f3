/**
 * Runs schemathesis (https://schemathesis.readthedocs.io), every check of it, against a server of its own: does the API do
 * what /api/openapi.json says, whatever is sent? By hand: `node scripts/schemathesis.ts [arguments of "st run"]`, for
 * example `--seed 1 -n 50`. Takes `st` from the PATH, else installs it with pip into a temporary folder.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const PASSPHRASE = 'only for this run'

const folder = mkdtempSync(join(tmpdir(), 'holdfast-schemathesis-'))
try {
  process.exitCode = await check(schemathesis(), process.argv.slice(2))
} finally {
  rmSync(folder, { recursive: true, force: true })
}

function schemathesis(): string {
  if (spawnSync('st', ['--version']).status === 0) return 'st'
  run('python3', '-m', 'venv', join(folder, 'python'))
  run(join(folder, 'python/bin/pip'), 'install', '--quiet', 'schemathesis')
  return join(folder, 'python/bin/st')
}

function run(command: string, ...args: string[]): void {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit' })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed`, { cause: error })
}

async function check(st: string, args: readonly string[]): Promise<number> {
  const server = spawn(
    process.execPath,
    [resolve('src/cli/main.ts'), 'serve', '--data', join(folder, 'data'), '--port', '0', '--log-level', 'error'],
    { env: { ...process.env, HOLDFAST_SHARED_SECRET: PASSPHRASE }, stdio: ['ignore', 'pipe', 'inherit'] },
  )
  try {
    const [line] = (await once(server.stdout, 'data')) as [Buffer]
    const url = /http:\S+/.exec(line.toString())?.[0]
    if (url === undefined) throw new Error(`the server said: ${line.toString()}`)
    const auth = ['-H', `Authorization: Bearer ${await tokenOf(url)}`]
    const options = ['--continue-on-failure', '--generation-database', 'none']
    const tests = spawn(
      st,
      [
        '--config-file',
        resolve('scripts/schemathesis.toml'),
        'run',
        `${url}/api/openapi.json`,
        ...auth,
        ...options,
        ...args,
      ],
      {
        cwd: folder,
        stdio: 'inherit',
      },
    )
    const [code] = (await once(tests, 'exit')) as [number | null]
    return code ?? 1
  } finally {
    server.kill('SIGKILL')
  }
}

/** An API token that may do everything. */
async function tokenOf(url: string): Promise<string> {
  const headers = { 'content-type': 'application/json', accept: 'application/json' }
  const login = { method: 'POST', headers, body: JSON.stringify({ sharedSecretKey: PASSPHRASE }) }
  const session = await fetch(`${url}/api/auth`, login)
  const cookie = session.headers.getSetCookie()[0]?.split(';')[0] ?? ''
  const made = await fetch(`${url}/api/tokens`, {
    method: 'POST',
    headers: { ...headers, cookie },
    body: JSON.stringify({ name: 'schemathesis' }),
  })
  const { token } = (await made.json()) as { token?: string }
  if (token === undefined) throw new Error(`no token was made: ${made.status}`)
  return token
}
