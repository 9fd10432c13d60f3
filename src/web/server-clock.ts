/** The server's time: a phone's or laptop's own clock may be wrong, and then "in 1 day" would be another day. */
let aheadMs = 0

/** Takes the `Date` of an answer. */
export function noteServerTime(date: string | null): void {
  const at = Date.parse(date ?? '')
  // The header has whole seconds, and the answer took a while: a small difference is none.
  if (!Number.isNaN(at)) aheadMs = Math.abs(at - Date.now()) < 5000 ? 0 : at - Date.now()
}

export function serverNow(): number {
  return Date.now() + aheadMs
}
