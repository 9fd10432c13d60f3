/** Machines that fail, told by drivers that do so on demand; and the ways to upload. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import type { HoldfastError } from '../../src/base/index.ts'
import { LabError } from '../../src/lab/errors.ts'
import { bytesOf, hashOf } from '../../src/lab/requests/seeded-file.ts'
import { uploaders, UPLOAD_WAYS } from '../../src/lab/requests/uploads.ts'
import type { BootRequest } from '../../src/lab/machines/machine.ts'
import { ProcessMachine } from '../../src/lab/machines/process.ts'
import { Reaper } from '../../src/lab/reaper.ts'
import { runIteration } from '../../src/lab/run/iteration.ts'
import { CommandTarget } from '../../src/lab/targets/command.ts'
import { FAKE_SERVER } from './support/lab-run.ts'

// Hashes are kept in the cache; not in the user's.
process.env.XDG_CACHE_HOME = mkdtempSync(join(tmpdir(), 'holdfast-lab-cache-'))
after(() => rmSync(process.env.XDG_CACHE_HOME ?? '', { recursive: true, force: true }))

/** Does not boot the first so many times. */
class Stubborn extends ProcessMachine {
  boots = 0
  readonly #failures: number
  readonly #error: HoldfastError

  constructor(failures: number, error: HoldfastError) {
    super()
    this.#failures = failures
    this.#error = error
  }

  override async boot(request: BootRequest) {
    this.boots += 1
    if (this.boots <= this.#failures) throw this.#error
    return super.boot(request)
  }
}

const noBoot = new LabError('MACHINE_FAILED', 'it does not boot', {
  retryable: true,
  details: { log: 'kernel panic' },
})
const tooSmall = new LabError('MACHINE_FAILED', 'it is too small', { details: { outOfMemory: true } })

async function iterate(driver: ProcessMachine) {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-lab-iteration-'))
  await using reaper = new Reaper()
  const target = new CommandTarget(`${process.execPath} ${FAKE_SERVER} {port}`)
  const { signal } = new AbortController()
  const limits = { readyTimeoutMs: 20_000, uploadTimeoutMs: 20_000, quietWaitMs: 0, warmUpBytes: 1000 }
  const conditions = { driver, upload: 'put' as const, ...limits, scratchFolder: folder, reaper }
  const subject = {
    ramMb: 64,
    file: { seed: 'iteration', sizeBytes: 1_500_000 },
    target: await target.prepare(),
    secret: target.secret,
  }
  const silent = {
    phaseBegins: () => undefined,
    phase: () => undefined,
    iteration: () => undefined,
    note: () => undefined,
    end: () => undefined,
  }
  const cell = { target: 'fake', ramMb: 64, fileSize: '1.5M', iteration: 1 }
  try {
    const result = await runIteration(conditions, subject, cell, { retries: 2, backoffMs: 1 }, silent, signal)
    assert.deepEqual(readdirSync(folder), [], 'no machine leaves its folder')
    return result
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

describe('a machine that', () => {
  it('never boots is tried three times, then it is a result with the end of its console', async () => {
    const driver = new Stubborn(99, noBoot)
    const result = await iterate(driver)
    assert.equal(result.exit_reason, 'machine_failed')
    assert.equal(driver.boots, 3)
    assert.equal(result.failed_attempts.length, 2)
    assert.equal(result.log_tail, 'kernel panic')
    assert.equal(result.failed_attempts[0]?.log_tail, 'kernel panic', 'of each try')
  })

  it('boots at the second try succeeds, and the first one is on record', async () => {
    const result = await iterate(new Stubborn(1, noBoot))
    assert.equal(result.exit_reason, 'success', result.message ?? '')
    assert.deepEqual(
      result.failed_attempts.map(({ exit_reason: reason, message }) => [reason, message]),
      [['machine_failed', 'it does not boot']],
    )
    assert.ok(result.warm_up_seconds !== null)
  })

  it('is too small to boot has run out of memory, and is not tried again', async () => {
    const driver = new Stubborn(99, tooSmall)
    assert.equal((await iterate(driver)).exit_reason, 'out_of_memory')
    assert.equal(driver.boots, 1)
  })
})

describe('an upload', () => {
  const file = { seed: 'upload', sizeBytes: 2_500_001 }
  const { signal } = new AbortController()

  it('is the same bytes every time, from any offset, and its hash is right', async () => {
    const whole = Buffer.concat([...bytesOf(file)])
    assert.equal(whole.length, file.sizeBytes)
    assert.deepEqual(Buffer.concat([...bytesOf(file)]), whole)
    assert.notDeepEqual(Buffer.concat([...bytesOf({ ...file, seed: 'other' })]), whole)
    assert.equal(await hashOf(file, signal), createHash('sha256').update(whole).digest('hex'))
  })

  for (const way of UPLOAD_WAYS) {
    it(`by ${way} brings the bytes and nothing else`, async () => {
      const bodies: Buffer[] = []
      const receive = async (request: IncomingMessage, response: ServerResponse) => {
        const body = await read(request)
        if (body.length > 0) bodies.push(body)
        response.setHeader('location', '/api/tus/made').writeHead(201).end('{}')
      }
      const server = createServer((request, response) => void receive(request, response)).listen(0, '127.0.0.1')
      await once(server, 'listening')
      const { port } = server.address() as AddressInfo
      const answer = await uploaders[way]({
        baseUrl: `http://127.0.0.1:${port}`,
        headers: {},
        filename: 'a.bin',
        file,
        signal,
      })
      server.close()
      assert.equal(answer.status, 201)
      assert.ok(answer.sentNs <= answer.durationNs)
      const [body = Buffer.alloc(0)] = bodies
      const content =
        way === 'multipart' ? body.subarray(body.indexOf('\r\n\r\n') + 4, body.lastIndexOf('\r\n--')) : body
      assert.deepEqual(content, Buffer.concat([...bytesOf(file)]))
    })
  }
})

async function read(request: IncomingMessage): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(request as AsyncIterable<Buffer>))
}
