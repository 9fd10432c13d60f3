/**
 * Uploads and downloads by curl, Holdfast against a peer on the same filesystem, interleaved: speed as a ratio, CPU
 * time, peak memory. Twice: `page cache`, where neither waits for the disk (Holdfast with --fsync false), and
 * `durable`. The peer is nginx, which does not hash and whose file sync(1) flushes in its time, or with --peer another
 * checkout of Holdfast, compiled by `npm run build`: whether a change made uploads slower or larger.
 *
 *   npm run bench:upload -- [--sizes 100M,1G,5G] [--rounds 5] [--dir FOLDER] [--peer CHECKOUT]
 */
import { execFile, execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, statfsSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { formatBytes, parseBytes } from '../src/base/index.ts'
import { lastByteToAnswerMs } from './support/last-byte.ts'
import { listingMs } from './support/listing.ts'
import { inRandomOrder, median, speedRatio } from './support/pairs.ts'
import { cpuSeconds, memoryMb, resetPeak } from './support/process-usage.ts'
import { startHoldfast, startNginx, type BenchServer, type UploadWay } from './support/servers.ts'

const { values: options } = parseArgs({
  options: {
    sizes: { type: 'string', default: '100M,1G,5G' },
    rounds: { type: 'string', default: '5' },
    dir: { type: 'string', default: tmpdir() },
    peer: { type: 'string' },
  },
})
/** Source, and one stored copy at each server. */
const COPIES_ON_DISK = 4

const run = promisify(execFile)
const folder = mkdtempSync(join(options.dir, 'holdfast-bench-'))
const rounds = Number(options.rounds)
const servers: BenchServer[] = []
try {
  await main()
} finally {
  for (const server of servers) await server.stop()
  rmSync(folder, { recursive: true, force: true })
}

interface Sample {
  seconds: number
  cpuSeconds: number
}

async function main(): Promise<void> {
  const peers = await startPeers()
  const relaxed = await start(startHoldfast(folderFor('relaxed'), false))
  const durable = await start(startHoldfast(folderFor('durable'), true))
  const idleMb = memoryMb(durable.pid, 'VmRSS')
  console.log(`start to first healthy answer: ${Math.round(durable.startMs)} ms; idle memory ${idleMb.toFixed(1)} MB\n`)
  console.log(
    'what                     size      holdfast    peer  ratio (lowest-highest)  CPU s/GB (peer)   peak MB (peer)',
  )
  for (const size of sizesThatFit()) {
    const source = makeSource(size)
    for (const way of ['put', 'form'] as const) {
      await compareUploads(`${way}, page cache`, way, relaxed, peers.relaxed, source, size)
      await compareUploads(`${way}, durable`, way, durable, peers.durable, source, size)
    }
    await compareDownloads(relaxed, peers.relaxed, source, size)
    rmSync(source)
  }
  console.log('\nlast byte to answer, sent at 115 MB/s, durable:')
  for (const size of sizesThatFit()) {
    const { ms, id } = await lastByteToAnswerMs(durable.url, durable.token, size)
    console.log(`  ${formatBytes(size)}: ${ms.toFixed(0)} ms`)
    await durable.remove(JSON.stringify({ id }), '')
    settle()
  }
  console.log(`\nlist of 10,000 files: ${(await listingMs(durable.url, durable.token)).join(', ')}`)
}

async function startPeers(): Promise<{ relaxed: BenchServer; durable: BenchServer }> {
  const { peer } = options
  if (peer === undefined) {
    const nginx = await start(startNginx(folderFor('nginx')))
    return { relaxed: nginx, durable: nginx }
  }
  const relaxed = await start(startHoldfast(folderFor('peer-relaxed'), false, peer))
  return { relaxed, durable: await start(startHoldfast(folderFor('peer-durable'), true, peer)) }
}

async function compareUploads(
  label: string,
  way: UploadWay,
  holdfast: BenchServer,
  peer: BenchServer,
  source: string,
  size: number,
): Promise<void> {
  const flushes = label.endsWith('durable')
  const pairs: { a: Sample; b: Sample }[] = []
  for (const { pid } of [holdfast, peer]) resetPeak(pid)
  for (let round = 0; round <= rounds; round++) {
    const one = async (server: BenchServer) => {
      const uploaded = await upload(server, way, source, flushes)
      await server.remove(uploaded.answer, 'bench.bin')
      settle()
      return uploaded
    }
    const pair = await inRandomOrder(
      async () => one(peer),
      async () => one(holdfast),
    )
    // The first pair warms up both.
    if (round > 0) pairs.push(pair)
  }
  print(label, size, pairs, peaks(holdfast, peer))
}

async function compareDownloads(holdfast: BenchServer, peer: BenchServer, source: string, size: number): Promise<void> {
  const answers = new Map<BenchServer, string>()
  for (const server of [holdfast, peer]) answers.set(server, (await upload(server, 'put', source, false)).answer)
  settle()
  const pairs: { a: Sample; b: Sample }[] = []
  for (const { pid } of [holdfast, peer]) resetPeak(pid)
  for (let round = 0; round <= rounds; round++) {
    const one = async (server: BenchServer) =>
      download(server, server.downloadUrl(answers.get(server) ?? '', 'bench.bin'))
    const pair = await inRandomOrder(
      async () => one(peer),
      async () => one(holdfast),
    )
    if (round > 0) pairs.push(pair)
  }
  print('download', size, pairs, peaks(holdfast, peer))
  for (const [server, answer] of answers) await server.remove(answer, 'bench.bin')
}

async function upload(server: BenchServer, way: UploadWay, source: string, flushes: boolean) {
  const cpuBefore = cpuSeconds(server.pid)
  const startedAt = performance.now()
  const { stdout: answer } = await run('curl', ['-sSf', ...server.uploadArgs(way, source, 'bench.bin')])
  const stored = server.storedPath('bench.bin')
  if (flushes && stored) await run('sync', [stored])
  return { answer, seconds: (performance.now() - startedAt) / 1000, cpuSeconds: cpuSeconds(server.pid) - cpuBefore }
}

async function download(server: BenchServer, url: string): Promise<Sample> {
  const cpuBefore = cpuSeconds(server.pid)
  const startedAt = performance.now()
  await run('curl', ['-sSf', '-o', '/dev/null', url])
  return { seconds: (performance.now() - startedAt) / 1000, cpuSeconds: cpuSeconds(server.pid) - cpuBefore }
}

function print(label: string, size: number, pairs: { a: Sample; b: Sample }[], peakMb: string): void {
  const speed = (samples: Sample[]) => (size / 1e6 / median(samples.map(({ seconds }) => seconds))).toFixed(0)
  const cpu = (samples: Sample[]) => (median(samples.map((sample) => sample.cpuSeconds)) / (size / 1e9)).toFixed(2)
  const [peer, holdfast] = [pairs.map(({ a }) => a), pairs.map(({ b }) => b)]
  const ratio = speedRatio(pairs.map(({ a, b }) => ({ a: a.seconds, b: b.seconds })))
  const range = `${ratio.median.toFixed(2)} (${ratio.lowest.toFixed(2)}-${ratio.highest.toFixed(2)})`
  const columns = [label.padEnd(24), formatBytes(size).padEnd(9), speed(holdfast).padStart(8), speed(peer).padStart(8)]
  console.log(`${columns.join(' ')}  ${range.padEnd(22)}  ${`${cpu(holdfast)} (${cpu(peer)})`.padEnd(16)}  ${peakMb}`)
}

/** Peak memory since `resetPeak`, MB = 10^6. */
function peaks(holdfast: BenchServer, peer: BenchServer): string {
  const [own, other] = [holdfast, peer].map(({ pid }) => memoryMb(pid, 'VmHWM').toFixed(1))
  return `${own} (${other})`
}

async function start<T extends BenchServer>(starting: Promise<T>): Promise<T> {
  const server = await starting
  servers.push(server)
  return server
}

function folderFor(name: string): string {
  const path = join(folder, name)
  mkdirSync(path)
  return path
}

function sizesThatFit(): number[] {
  const { bavail, bsize } = statfsSync(folder)
  const fits = (size: number) => size * COPIES_ON_DISK < bavail * bsize
  const sizes = options.sizes.split(',').map((text) => {
    const size = parseBytes(text)
    if (size === null) throw new Error(`--sizes: ${JSON.stringify(text)} is not a size such as 100M`)
    return size
  })
  for (const size of sizes) if (!fits(size)) console.log(`left out, the disk is too small: ${formatBytes(size)}`)
  return sizes.filter(fits)
}

/** Sparse, so that it costs no disk; once read it is in the page cache like any other. */
function makeSource(size: number): string {
  const path = join(folder, 'source.bin')
  writeFileSync(path, 'holdfast')
  truncateSync(path, size)
  return path
}

/** Waits until the disk is idle again, so that one sample does not pay for the one before. */
function settle(): void {
  execFileSync('sync', ['-f', folder])
}
