/**
 * Which failures may go away by themselves. Everything else is a real failure: trying it again would only hide it for a
 * while.
 */

interface Sign {
  /** In what the provisioner printed last, or in Packer's error. */
  pattern: RegExp
  reason: string
}

/** EX_TEMPFAIL of sysexits.h: how a script says "try again later" itself. */
const EX_TEMPFAIL = 75

/** What to look for and how it is called. The guide (docs/guide/build.md) has the same table for people. */
const TRANSIENT_SIGNS: readonly Sign[] = [
  {
    pattern: /ssh: (handshake failed|disconnect)|Connection (to \S+ )?closed by|broken pipe/i,
    reason: 'ssh broke off',
  },
  { pattern: /timeout waiting for (ssh|winrm)/i, reason: 'the machine did not answer in time' },
  { pattern: /connection (was )?reset|ECONNRESET/i, reason: 'a connection was reset' },
  { pattern: /connection refused|ECONNREFUSED/i, reason: 'a connection was refused' },
  { pattern: /connection timed out|i\/o timeout|TLS handshake timeout|ETIMEDOUT/i, reason: 'a connection timed out' },
  {
    pattern: /temporary failure (in name resolution|resolving)|could not resolve host|EAI_AGAIN|no such host/i,
    reason: 'a name could not be resolved',
  },
  {
    pattern:
      /\b(HTTP\S*|error:?|status( code)?:?|returned) *(429|502|503|504)\b|\b(429 Too Many Requests|502 Bad Gateway|503 Service (Temporarily )?Unavailable|504 Gateway Time-?out)/i,
    reason: 'a server was overloaded (HTTP 429, 502, 503 or 504)',
  },
  { pattern: /could not get lock \/var\/lib\/(dpkg|apt)/i, reason: 'another package manager was at work' },
]

/** Why the failure is worth another try, in words, or null when it is a real one. */
export function transientReason(exitStatus: number | null, error: string, output: string): string | null {
  if (exitStatus === EX_TEMPFAIL) return `it ended with exit status ${EX_TEMPFAIL}, "try again later"`
  return TRANSIENT_SIGNS.find(({ pattern }) => pattern.test(error) || pattern.test(output))?.reason ?? null
}
