import type { ComponentChildren } from 'preact'
import { useCallback, useEffect, useState } from 'preact/hooks'
import { asApiError, type ApiError } from '../api-error.ts'
import { ErrorNotice } from './notice.tsx'

export interface Loaded<T> {
  /** The last answer, kept while a newer one is fetched. */
  data: T | null
  error: ApiError | null
  isLoading: boolean
  reload: () => void
}

/** Fetches when `key` changes and on `reload`; an answer that comes too late is dropped. */
export function useLoaded<T>(key: string, load: (signal: AbortSignal) => Promise<T>): Loaded<T> {
  const [state, setState] = useState<Omit<Loaded<T>, 'reload'>>({ data: null, error: null, isLoading: true })
  const [round, setRound] = useState(0)
  useEffect(() => {
    const controller = new AbortController()
    setState((before) => ({ ...before, isLoading: true }))
    load(controller.signal).then(
      (data) => controller.signal.aborted || setState({ data, error: null, isLoading: false }),
      (error: unknown) => {
        if (controller.signal.aborted) return
        setState((before) => ({ ...before, error: asApiError(error), isLoading: false }))
      },
    )
    return () => controller.abort()
  }, [key, round])
  return { ...state, reload: useCallback(() => setRound((n) => n + 1), []) }
}

/** Shows what was loaded, or that it is on its way, or why it did not come. */
export function Show<T>({ from, children }: { from: Loaded<T>; children: (data: T) => ComponentChildren }) {
  const { data, error, reload } = from
  return (
    <>
      {error && <ErrorNotice error={error} onRetry={reload} />}
      {data !== null ? children(data) : !error && <Loading />}
    </>
  )
}

/** Appears only after a moment (see the style sheet): most answers are quicker than that. */
export function Loading() {
  return (
    <p class="loading" role="status">
      <span class="spinner" /> Loading…
    </p>
  )
}
