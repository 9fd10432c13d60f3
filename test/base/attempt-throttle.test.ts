import assert from 'node:assert/strict'
import { it } from 'node:test'
import { AttemptThrottle } from '../../src/base/index.ts'

it('slows guesses down, and does not wait longer when the clock is set back', () => {
  const clock = { time: Date.UTC(2030, 0, 1), now: () => clock.time }
  const throttle = new AttemptThrottle(clock)
  const guess = () => throttle.attempt('192.0.2.1')
  for (let count = 0; count < 5; count++) {
    guess()
    clock.time += 1
  }
  assert.throws(guess, { code: 'TOO_MANY_ATTEMPTS' })
  clock.time += 60_000
  guess()
  clock.time -= 4 * 365 * 24 * 3_600_000
  guess()
})
