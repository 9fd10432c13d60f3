// Makes a checkout ready to run: npm packages, the compiled program, and (with --tests) the Debian packages that the
// tests use. Plain JavaScript for Node 20, because it runs before the pinned Node is there. Idempotent and quick when
// there is nothing to do; says what it does.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** From the package for this platform among the optional dependencies. */
const NODE = 'node_modules/.bin/node'

/** Debian packages that tests need, each with a file that shows that it is there. */
const DEBIAN_PACKAGES = [
  { name: 'chromium', provides: '/usr/bin/chromium', neededFor: 'browser tests' },
  {
    name: 'fonts-dejavu-core',
    provides: '/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf',
    neededFor: 'browser tests',
  },
  { name: 'curl', provides: '/usr/bin/curl', neededFor: 'HTTP tests' },
  { name: 'qemu-system-x86', provides: '/usr/bin/qemu-system-x86_64', neededFor: 'lab tests on virtual machines' },
  { name: 'qemu-utils', provides: '/usr/bin/qemu-img', neededFor: 'lab tests on virtual machines' },
  { name: 'busybox-static', provides: '/usr/bin/busybox', neededFor: 'lab tests on virtual machines' },
  { name: 'dropbear-bin', provides: '/usr/sbin/dropbear', neededFor: 'tests of builds in virtual machines' },
  { name: 'openssh-server', provides: '/usr/sbin/sshd', neededFor: 'lab tests over ssh' },
  { name: 'openssh-client', provides: '/usr/bin/ssh', neededFor: 'lab tests over ssh' },
  { name: 'packer', provides: '/usr/bin/packer', neededFor: 'build tests' },
  { name: 'nginx-light', provides: '/usr/sbin/nginx', neededFor: 'tests behind a proxy and bench:upload' },
  { name: 'caddy', provides: '/usr/bin/caddy', neededFor: 'tests behind a proxy' },
  { name: 'varnish', provides: '/usr/sbin/varnishd', neededFor: 'tests behind a cache' },
  { name: 'wget', provides: '/usr/bin/wget', neededFor: 'tests of download clients' },
  { name: 'aria2', provides: '/usr/bin/aria2c', neededFor: 'tests of download clients' },
  { name: 'axel', provides: '/usr/bin/axel', neededFor: 'tests of download clients' },
  {
    name: 'python3-requests',
    provides: '/usr/lib/python3/dist-packages/requests',
    neededFor: 'tests of upload clients',
  },
  { name: 'ffmpeg', provides: '/usr/bin/ffmpeg', neededFor: 'tests that play media' },
  { name: 'firefox-esr', provides: '/usr/bin/firefox-esr', neededFor: 'browser tests in Firefox' },
  { name: 'webkit2gtk-driver', provides: '/usr/bin/WebKitWebDriver', neededFor: 'browser tests in WebKit' },
  { name: 'xvfb', provides: '/usr/bin/Xvfb', neededFor: 'browser tests in WebKit' },
  { name: 'faketime', provides: '/usr/bin/faketime', neededFor: 'tests of wrong clocks' },
  { name: 'zsh', provides: '/usr/bin/zsh', neededFor: 'tests of completion' },
  { name: 'fish', provides: '/usr/bin/fish', neededFor: 'tests of completion' },
  { name: 'man-db', provides: '/usr/bin/man', neededFor: 'tests of the manual page' },
  { name: 'mandoc', provides: '/usr/bin/mandoc', neededFor: 'tests of the manual page' },
  { name: 'gcc', provides: '/usr/bin/cc', neededFor: 'tests of failing disks' },
  { name: 'libc6-dev', provides: '/usr/include/stdlib.h', neededFor: 'tests of failing disks' },
]

process.chdir(fileURLToPath(new URL('..', import.meta.url)))
installNpmPackages()
build()
if (process.argv.includes('--tests')) installDebianPackages()

function installNpmPackages() {
  const stamp = 'node_modules/.holdfast-lock'
  const wanted = createHash('sha256').update(readFileSync('package-lock.json')).digest('hex')
  const installed = existsSync(stamp) ? readFileSync(stamp, 'utf8') : ''
  if (installed === wanted && existsSync(NODE)) return
  const options = ['--ignore-scripts', '--include=dev', '--include=optional', '--no-audit', '--no-fund']
  run('npm', ['ci', ...options], 'installing npm packages')
  // npm skips an optional package that it cannot download, and for some platforms it has none.
  if (!existsSync(NODE)) {
    if (Number.parseInt(process.versions.node) < 26) {
      fail(`npm installed no Node 26 for ${process.platform} ${process.arch}; run this with a Node 26 of your own`)
    }
    symlinkSync(process.execPath, NODE)
  }
  writeFileSync(stamp, wanted)
}

function build() {
  const result = spawnSync(NODE, ['scripts/build.js'], { stdio: 'inherit' })
  if (result.status !== 0) fail('the build failed (above)')
}

function installDebianPackages() {
  const missing = DEBIAN_PACKAGES.filter((pkg) => !existsSync(pkg.provides))
  if (missing.length === 0) return
  const names = missing.map((pkg) => pkg.name)
  const list = missing.map((pkg) => `${pkg.name} (${pkg.neededFor})`).join(', ')
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) {
    console.log(`setup: missing, and only root can install them: ${list}; tests that need them will be skipped`)
    return
  }
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  run('apt-get', ['update', '-qq'], 'refreshing the list of Debian packages', env)
  run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...names], `installing ${list}`, env)
}

function run(command, args, purpose, env = process.env) {
  console.log(`setup: ${purpose}`)
  const result = spawnSync(command, args, { env, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 })
  if (result.status === 0) return
  console.error(`${result.stdout ?? ''}${result.stderr ?? ''}`)
  fail(
    `'${command} ${args.join(' ')}' failed${result.error ? `: ${result.error.message}` : ` with exit code ${result.status}`}`,
  )
}

function fail(message) {
  console.error(`setup: ${message}`)
  process.exit(1)
}
