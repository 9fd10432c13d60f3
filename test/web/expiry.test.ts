import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  expiryTime,
  firstDate,
  formatLifetime,
  guestChoices,
  lifetimeOf,
  NEVER,
  ownerChoices,
  parseLifetime,
} from '../../src/web/expiry.ts'

const NOW = Date.parse('2026-11-21T12:00:00Z')
const DAY_MS = 86_400_000
const values = (choices: { value: string }[]) => choices.map(({ value }) => value)

describe('an expiry', () => {
  it('is some days from now, or never', () => {
    assert.equal(expiryTime({ choice: '7', date: '' }, NOW), '2026-11-28T12:00:00.000Z')
    assert.equal(expiryTime({ choice: 'never', date: '' }, NOW), NEVER)
  })

  it('lasts to the end of its day in the local time zone', () => {
    const end = expiryTime({ choice: 'custom', date: '2026-12-24' }, NOW)
    assert.equal(new Date(end ?? '').getDate(), 24)
    assert.equal(new Date(end ?? '').getHours(), 23)
  })

  it('needs a date that exists and is not past', () => {
    for (const date of ['', 'soon', '2026-11-20']) assert.equal(expiryTime({ choice: 'custom', date }, NOW), null)
  })

  it('may begin tomorrow, also where a day of the change to summer time has 23 hours', () => {
    const late = new Date(2026, 2, 28, 23, 30).getTime()
    assert.equal(firstDate(late), '2026-03-29')
  })

  it('may be any date from the first offered date on', () => {
    assert.notEqual(expiryTime({ choice: 'custom', date: firstDate(NOW) }, NOW), null)
  })
})

describe('the choices', () => {
  it('have an unusual default among them, in order', () => {
    assert.deepEqual(values(ownerChoices(30)), ['1', '7', '30', '365', 'never', 'custom'])
    assert.deepEqual(values(ownerChoices(14)), ['1', '7', '14', '30', '365', 'never', 'custom'])
  })

  it('do not exceed the link for a guest', () => {
    assert.deepEqual(values(guestChoices(30 * DAY_MS)), ['1', '7', 'longest'])
    assert.deepEqual(values(guestChoices(DAY_MS)), ['longest'])
    assert.deepEqual(values(guestChoices(null)), ['1', '7', '30', '365', 'longest'])
  })
})

describe('a lifetime', () => {
  it('is read as Go writes it', () => {
    assert.equal(parseLifetime('720h0m0s'), 30 * DAY_MS)
    assert.equal(parseLifetime('1h30m'), 5_400_000)
    for (const text of [null, '876000h0m0s']) assert.equal(parseLifetime(text), null)
  })

  it('is not taken for forever when it cannot be read', () => {
    for (const text of ['', '7d', 'forever']) assert.throws(() => parseLifetime(text), /cannot read/)
  })

  it('is read back as it was sent', () => {
    for (const days of ['1', '7', '365']) assert.equal(parseLifetime(lifetimeOf(days)), Number(days) * DAY_MS)
    assert.equal(parseLifetime(lifetimeOf('never')), null)
  })

  it('is told in days', () => {
    const told = [null, 365, 730, 14, 2.9, 1.5, 1].map((days) => formatLifetime(days === null ? null : days * DAY_MS))
    assert.deepEqual(told, ['no end', '1 year', '2 years', '14 days', '2 days', '36 hours', '1 day'])
  })
})
