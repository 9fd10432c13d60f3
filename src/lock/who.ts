/** Who this process is, as locks and saves tell others: `user@host (pid 123)`. */
import { hostname, userInfo } from 'node:os'

export const WHO = `${userName()}@${hostname()} (pid ${process.pid})`

/** A user id without a name (a container's) has no userInfo. */
function userName(): string {
  try {
    return userInfo().username
  } catch {
    return String(process.getuid?.() ?? 'unknown')
  }
}
