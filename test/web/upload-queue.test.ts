import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { ApiError, errorFromAnswer } from '../../src/web/api-error.ts'
import { RateMeter, secondsLeft } from '../../src/web/upload/rate.ts'
import { summarize, UploadQueue, type Job } from '../../src/web/upload/queue.ts'

interface Sending {
  job: Job
  progress: (sentBytes: number) => void
  resolve: (result: string) => void
  reject: (error: unknown) => void
}

/** A queue whose sending is in the test's hands. */
function makeQueue() {
  const sendings: Sending[] = []
  const ended: string[] = []
  let now = 0
  const queue = new UploadQueue<Job, string>({
    send: (job, progress, signal) => {
      const { promise, resolve, reject } = Promise.withResolvers<string>()
      signal.addEventListener('abort', () => reject(new Error('aborted')))
      sendings.push({ job, progress, resolve, reject })
      return promise
    },
    onEnd: ({ job, state }) => ended.push(`${job.name} ${state}`),
    now: () => now,
  })
  const states = () => queue.get().map(({ state }) => state)
  const wait = (ms: number) => {
    now += ms
  }
  const sending = (index: number) => sendings[index] ?? assert.fail(`nothing was sent as number ${index}`)
  return { queue, sendings, sending, ended, states, wait }
}

const job = (name: string, sizeBytes = 1000): Job => ({ name, sizeBytes })

describe('the upload queue', () => {
  it('runs two at a time, in order', async () => {
    const { queue, sendings, sending, ended, states } = makeQueue()
    for (const name of ['a', 'b', 'c']) queue.add(job(name))
    assert.deepEqual(states(), ['sending', 'sending', 'waiting'])
    sending(0).resolve('link')
    await turn()
    assert.deepEqual(states(), ['done', 'sending', 'sending'])
    assert.deepEqual(
      sendings.map((one) => one.job.name),
      ['a', 'b', 'c'],
    )
    assert.deepEqual(ended, ['a done'])
    assert.equal(queue.get()[0]?.result, 'link')
  })

  it('says why one failed, goes on with the next, and tries again when told', async () => {
    const { queue, sending, states } = makeQueue()
    queue.add(job('a'))
    sending(0).reject(new ApiError(507, { code: 'FULL', message: 'The disk is full.' }))
    await turn()
    assert.deepEqual(states(), ['failed'])
    assert.equal(queue.get()[0]?.error?.message, 'The disk is full.')
    queue.retry(1)
    assert.deepEqual(states(), ['sending'])
    sending(1).resolve('link')
    await turn()
    assert.deepEqual(states(), ['done'])
  })

  it('cancels running and waiting uploads', async () => {
    const { queue, states } = makeQueue()
    for (const name of ['a', 'b', 'c', 'd']) queue.add(job(name))
    queue.cancel(1)
    queue.cancel(3)
    await turn()
    assert.deepEqual(states(), ['cancelled', 'sending', 'cancelled', 'sending'])
  })

  it('waits with a second attempt until the first has let go', async () => {
    const { queue, sendings, states } = makeQueue()
    queue.add(job('a'))
    queue.cancel(1)
    queue.retry(1)
    assert.deepEqual(states(), ['waiting'])
    await turn()
    assert.deepEqual(states(), ['sending'])
    assert.equal(sendings.length, 2)
  })

  it('does not send a refused file', () => {
    const { queue, sendings, states, ended } = makeQueue()
    queue.add(job('a'), new ApiError(0, { code: 'EMPTY', message: 'The file is empty.' }))
    assert.deepEqual([states(), sendings.length, ended], [['refused'], 0, ['a refused']])
  })

  it('tells the progress, and that the server is finishing', () => {
    const { queue, sending, wait } = makeQueue()
    queue.add(job('a', 10_000))
    wait(1000)
    sending(0).progress(4000)
    const [item] = queue.get()
    assert.equal(item?.sentBytes, 4000)
    assert.equal(Math.round(item.bytesPerSecond ?? 0), 4000)
    sending(0).progress(10_200)
    assert.deepEqual([queue.get()[0]?.state, queue.get()[0]?.sentBytes], ['finishing', 10_000])
  })

  it('leaves other items unchanged, so that their rows need not be drawn', () => {
    const { queue, sending, wait } = makeQueue()
    queue.add(job('a'))
    queue.add(job('b'))
    const before = queue.get()[1]
    wait(1000)
    sending(0).progress(500)
    assert.equal(queue.get()[1], before)
  })

  it('sums up running uploads and removes ended ones', async () => {
    const { queue, sending, wait } = makeQueue()
    queue.add(job('a', 1000))
    queue.add(job('b', 3000))
    queue.add(job('c'), new ApiError(0, { code: 'EMPTY', message: 'empty' }))
    sending(0).resolve('link')
    wait(1000)
    sending(1).progress(500)
    await turn()
    const { underWay, done, failed, sentBytes, totalBytes } = summarize(queue.get())
    assert.deepEqual([underWay, done, failed, sentBytes, totalBytes], [1, 1, 1, 1500, 4000])
    queue.clear()
    assert.equal(queue.get().length, 1)
  })
})

describe('the speed', () => {
  it('is right from the first second', () => {
    const meter = new RateMeter(0)
    assert.equal(meter.bytesPerSecond, null)
    meter.sample(5_000_000, 1000)
    assert.equal(Math.round(meter.bytesPerSecond ?? 0), 5_000_000)
  })

  it('follows a change within seconds, without jumping', () => {
    const meter = new RateMeter(0)
    for (let second = 1; second <= 10; second += 1) meter.sample(second * 1000, second * 1000)
    meter.sample(20_000, 11_000)
    const first = meter.bytesPerSecond ?? 0
    assert.ok(first > 1500 && first < 5000, String(first))
    for (let second = 12; second <= 30; second += 1) meter.sample(second * 10_000 - 90_000, second * 1000)
    assert.ok((meter.bytesPerSecond ?? 0) > 9000)
  })

  it('sinks when nothing moves, until no time left can be told', () => {
    const meter = new RateMeter(0)
    meter.sample(1_000_000, 1000)
    for (let second = 2; second <= 60; second += 1) meter.sample(1_000_000, second * 1000)
    assert.equal(secondsLeft(1000, meter.bytesPerSecond), null)
  })

  it('gives the time left', () => {
    assert.equal(secondsLeft(10_000, 1000), 10)
    assert.equal(secondsLeft(10_000, null), null)
  })
})

describe('an error answer', () => {
  it('is read from the envelope', () => {
    const body = JSON.stringify({ error: { code: 'RATE_LIMITED', message: 'Too many.', hint: 'Wait.' } })
    const error = errorFromAnswer({ status: 429, body, retryAfter: '75' })
    assert.deepEqual(
      [error.code, error.message, error.hint, error.retryAfterSeconds],
      ['RATE_LIMITED', 'Too many.', 'Wait.', 75],
    )
  })

  it("is guessed from a proxy's page", () => {
    for (const [status, code] of [
      [413, 'TOO_LARGE'],
      [502, 'GATEWAY'],
      [500, 'UNKNOWN'],
    ] as const) {
      const error = errorFromAnswer({ status, body: '<html>nginx</html>', retryAfter: null })
      assert.equal(error.code, code)
    }
  })

  it('is guessed when the JSON is of another kind', () => {
    for (const body of ['null', '{}', '{"error":"x"}', '[]']) {
      assert.equal(errorFromAnswer({ status: 500, body, retryAfter: null }).code, 'UNKNOWN')
    }
  })
})
