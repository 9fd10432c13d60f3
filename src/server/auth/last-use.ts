/** When a session or token was last used: noted now and then, and never a reason to keep anybody out. */
import { HoldfastError } from '../../base/index.ts'

/** A busy script, or a page that asks often, must not write all the time. */
const NOTE_EVERY_MS = 60_000

/**
 * Runs `note` when the last use that is noted is long enough ago.
 * @param lastUsedAt milliseconds since 1970, or null for never.
 */
export async function noteUse(lastUsedAt: number | null, now: number, note: () => Promise<unknown>): Promise<void> {
  if (now - (lastUsedAt ?? 0) <= NOTE_EVERY_MS) return
  try {
    await note()
  } catch (error) {
    // A courtesy: a full or failing disk must not keep anybody out.
    if (!(error instanceof HoldfastError)) throw error
  }
}
