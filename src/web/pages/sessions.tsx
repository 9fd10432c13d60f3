import { endOtherSessions, endSession, listSessions } from '../api.ts'
import { attempt } from '../attempt.ts'
import type { Session } from '../../client/api-types.ts'
import { Button } from '../ui/button.tsx'
import { Show, useLoaded } from '../ui/loaded.tsx'
import { Ago } from '../ui/time.tsx'
import { describeUserAgent } from '../user-agent.ts'

/** Where the owner is logged in. */
export function Sessions() {
  const sessions = useLoaded('sessions', listSessions)
  return (
    <section class="section" aria-labelledby="sessions-title">
      <h2 id="sessions-title">Logins</h2>
      <p class="muted">Browsers that are logged in. A login ends by itself after 30 days.</p>
      <Show from={sessions}>{(list) => <SessionList sessions={list.sessions} onChange={sessions.reload} />}</Show>
    </section>
  )
}

function SessionList({ sessions, onChange }: { sessions: readonly Session[]; onChange: () => void }) {
  const run = async (act: () => Promise<unknown>, done: string) => {
    await attempt(act, done)
    onChange()
  }
  const end = (session: Session) => void run(async () => endSession(session.id), 'The login has ended.')
  const endOthers = () => void run(endOtherSessions, 'All other logins have ended.')
  return (
    <>
      <ul class="lines">
        {sessions.map((session) => (
          <li key={session.id}>
            <div>
              <strong>{describeUserAgent(session.userAgent ?? '')}</strong>
              <p class="muted">
                {session.isCurrent ? 'this browser' : <LastUse session={session} />}
                {session.clientIp !== null && ` · from ${session.clientIp}`}
              </p>
            </div>
            {!session.isCurrent && <Button onClick={() => end(session)}>End</Button>}
          </li>
        ))}
      </ul>
      {sessions.some(({ isCurrent }) => !isCurrent) && (
        <div class="actions">
          <Button onClick={endOthers}>End all others</Button>
        </div>
      )}
    </>
  )
}

function LastUse({ session: { lastUsedAt } }: { session: Session }) {
  if (lastUsedAt === null) return <>not used since an update</>
  return (
    <>
      used <Ago at={lastUsedAt} />
    </>
  )
}
