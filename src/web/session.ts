/** Whether the person at this browser is the owner. */
import { getSession, logIn, logOut, refusals } from './api.ts'
import { asApiError, type ApiError } from './api-error.ts'
import { Store } from './store.ts'

export type Session =
  | { status: 'unknown' }
  | { status: 'unreachable'; error: ApiError }
  /** `hasEnded`: it was the owner a moment ago. */
  | { status: 'visitor'; hasEnded: boolean }
  /** `hasStates`: there may be builds to show. */
  | { status: 'owner'; hasStates: boolean }

export const session = new Store<Session>({ status: 'unknown' })

refusals.subscribe(() => {
  if (session.get().status === 'owner') session.set({ status: 'visitor', hasEnded: true })
})

export async function loadSession(): Promise<void> {
  session.set({ status: 'unknown' })
  try {
    const { isOwner, hasStates } = await getSession()
    session.set(isOwner ? { status: 'owner', hasStates } : { status: 'visitor', hasEnded: false })
  } catch (error) {
    session.set({ status: 'unreachable', error: asApiError(error) })
  }
}

export async function startSession(passphrase: string): Promise<void> {
  await logIn(passphrase)
  const { hasStates } = await getSession()
  session.set({ status: 'owner', hasStates })
}

export async function endSession(): Promise<void> {
  await logOut()
  session.set({ status: 'visitor', hasEnded: false })
}
