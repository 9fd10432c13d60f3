/** When files and links end: the choices offered, and how they are told to the server. */
import { ApiError } from './api-error.ts'

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000
/** What the API reads as "never" in a request; its answers say null. */
export const NEVER = '2999-12-31T00:00:00Z'
const FOREVER_LIFETIME = '876000h0m0s'
const FOREVER_MS = 876_000 * HOUR_MS

/** `choice` is a number of days, or never, custom (then `date` counts), keep, longest. */
export interface ExpiryValue {
  choice: string
  /** YYYY-MM-DD in the browser's time zone. */
  date: string
}

export interface Choice {
  value: string
  label: string
}

export const DAY_CHOICES: readonly Choice[] = [
  { value: '1', label: '1 day' },
  { value: '7', label: '7 days' },
  { value: '30', label: '30 days' },
  { value: '365', label: '1 year' },
]
export const NEVER_CHOICE: Choice = { value: 'never', label: 'Never' }
export const CUSTOM_CHOICE: Choice = { value: 'custom', label: 'On a date…' }

/** What the owner is offered; an unusual default gets a line of its own. */
export function ownerChoices(defaultDays: number): Choice[] {
  return [...withDays(DAY_CHOICES, defaultDays), NEVER_CHOICE, CUSTOM_CHOICE]
}

/** What a guest is offered: nothing beyond the link's own lifetime (`null`: no end). */
export function guestChoices(lifetimeMs: number | null): Choice[] {
  if (lifetimeMs === null) return [...DAY_CHOICES, { value: 'longest', label: 'Never' }]
  const shorter = DAY_CHOICES.filter(({ value }) => Number(value) * DAY_MS < lifetimeMs)
  return [...shorter, { value: 'longest', label: `${formatLifetime(lifetimeMs)} (the longest)` }]
}

function withDays(choices: readonly Choice[], days: number): Choice[] {
  const own: Choice = { value: String(days), label: formatLifetime(days * DAY_MS) }
  const all = choices.some(({ value }) => value === own.value) ? choices : [...choices, own]
  return [...all].sort((a, b) => Number(a.value) - Number(b.value))
}

/** The moment chosen, as the API takes it; `null` when a date is wanted and missing, or too near. */
export function expiryTime({ choice, date }: ExpiryValue, now: number): string | null {
  if (choice === 'never') return NEVER
  if (choice !== 'custom') return new Date(now + Number(choice) * DAY_MS).toISOString()
  // The whole of the chosen day counts, so that "until Friday" includes Friday.
  const end = Date.parse(`${date}T23:59:59`)
  return Number.isNaN(end) || end < now + HOUR_MS ? null : new Date(end).toISOString()
}

/** The first date that a date field may take: tomorrow, which is surely an hour ahead. */
export function firstDate(now: number): string {
  const today = new Date(now)
  // By the calendar: the day on which summer time begins has 23 hours.
  const tomorrow = new Date(today.getFullYear(), today.getMonth(), today.getDate() + 1)
  const parts = [tomorrow.getFullYear(), tomorrow.getMonth() + 1, tomorrow.getDate()]
  return parts.map((part) => String(part).padStart(2, '0')).join('-')
}

/**
 * Reads a Go duration such as `720h0m0s`, in ms; `null` (no end) for null and for what is beyond a century.
 * @throws ApiError when it is not a duration: nothing may be promised then.
 */
export function parseLifetime(text: string | null): number | null {
  if (text === null) return null
  const found = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?$/.exec(text)
  if (text === '' || !found) {
    const message = `The server sent a lifetime that this page cannot read: “${text}”.`
    throw new ApiError(0, { code: 'UNREADABLE', message, hint: 'Reload the page.' })
  }
  const [hours = 0, minutes = 0, seconds = 0] = found.slice(1).map((part) => Number(part ?? 0))
  const ms = hours * HOUR_MS + minutes * 60_000 + seconds * 1000
  return ms >= FOREVER_MS ? null : ms
}

/** A choice of days (or `never`) as the Go duration that the API takes. */
export function lifetimeOf(choice: string): string {
  return choice === 'never' ? FOREVER_LIFETIME : `${Number(choice) * 24}h0m0s`
}

export function formatLifetime(ms: number | null): string {
  if (ms === null) return 'no end'
  const days = ms / DAY_MS
  if (days >= 365 && days % 365 === 0) return count(days / 365, 'year')
  if (days >= 2 || days === 1) return count(Math.floor(days), 'day')
  return count(Math.floor(ms / HOUR_MS), 'hour')
}

function count(number: number, unit: string): string {
  return `${number} ${unit}${number === 1 ? '' : 's'}`
}
