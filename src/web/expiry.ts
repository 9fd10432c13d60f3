/** When files and links end: the choices offered, and how they are told to the server. */
const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000
/** What the API reads as "never" in a request; its answers say null. */
export const NEVER = '2999-12-31T00:00:00Z'
const FOREVER_LIFETIME = '876000h0m0s'
const FOREVER_MS = 876_000 * HOUR_MS

/** `choice` is a number of days, or one of: never, custom (then `date` counts), keep, longest. */
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
  const own: Choice = { value: String(days), label: days === 1 ? '1 day' : `${days} days` }
  const all = choices.some(({ value }) => value === own.value) ? choices : [...choices, own]
  return [...all].toSorted((a, b) => Number(a.value) - Number(b.value))
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
  const tomorrow = new Date(now + DAY_MS)
  const parts = [tomorrow.getFullYear(), tomorrow.getMonth() + 1, tomorrow.getDate()]
  return parts.map((part) => String(part).padStart(2, '0')).join('-')
}

/** Reads Go's `720h0m0s`; `null` (no end) for null, for what is beyond a century, and for what is no duration. */
export function parseLifetime(text: string | null): number | null {
  const found = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(text ?? '')
  if (!text || !found) return null
  const [hours, minutes, seconds] = [found[1], found[2], found[3]].map((part) => Number(part ?? 0))
  const ms = (hours ?? 0) * HOUR_MS + (minutes ?? 0) * 60_000 + (seconds ?? 0) * 1000
  return ms >= FOREVER_MS ? null : ms
}

/** A choice of days (or `never`) as the Go duration that the API takes. */
export function lifetimeOf(choice: string): string {
  return choice === 'never' ? FOREVER_LIFETIME : `${Number(choice) * 24}h0m0s`
}

export function formatLifetime(ms: number | null): string {
  if (ms === null) return 'no end'
  const days = ms / DAY_MS
  const known = DAY_CHOICES.find(({ value }) => Number(value) === days)
  if (known) return known.label
  if (days >= 2) return `${Math.round(days)} days`
  const hours = Math.round(ms / HOUR_MS)
  return hours === 1 ? '1 hour' : `${hours} hours`
}
