/** A build as it goes on: the server tells of each change while the tab is looked at. */
import { useEffect, useState } from 'preact/hooks'
import { buildEventsUrl, getBuild } from '../api.ts'
import type { ApiError } from '../api-error.ts'
import type { Build } from '../../client/api-types.ts'
import type { LogNews } from '../views.ts'
import { useLoaded } from '../ui/loaded.tsx'
import { appendLog, type LogText } from './log-text.ts'

const RETRY_MS = 3000
const TICK_MS = 1000

export interface LiveBuild {
  build: Build | null
  log: LogText | null
  /** Whether news come in. */
  isConnected: boolean
  error: ApiError | null
  reload: () => void
}

interface News {
  build: Build | null
  log: LogText | null
  isConnected: boolean
}

export function useLiveBuild(state: string, name: string): LiveBuild {
  const loaded = useLoaded(`${state}/${name}`, (signal) => getBuild(state, name, signal))
  const [news, setNews] = useState<News>({ build: null, log: null, isConnected: false })
  useEffect(() => {
    const url = buildEventsUrl(state, name)
    // Why it was refused or ended only a plain request can tell.
    return followEvents(url, (change) => setNews((before) => change(before)), loaded.reload)
  }, [state, name])
  const { data, error, reload } = loaded
  return { ...news, build: news.build ?? data, error, reload }
}

/** The time, again each second while it `ticks`. */
export function useNow(ticks: boolean): number {
  const [now, setNow] = useState(() => Date.now())
  useEffect(() => {
    if (!ticks) return undefined
    const tick = () => setNow(Date.now())
    tick()
    const timer = setInterval(tick, TICK_MS)
    return () => clearInterval(timer)
  }, [ticks])
  return now
}

/** Listens while the tab is visible: a browser has few connections for all its tabs. @returns how to stop. */
function followEvents(url: string, onNews: (change: (before: News) => News) => void, onLost: () => void): () => void {
  let source: EventSource | null = null
  let timer = 0
  const close = () => {
    clearTimeout(timer)
    source?.close()
    source = null
  }
  const lose = () => {
    close()
    onLost()
    timer = setTimeout(open, RETRY_MS)
  }
  function open(): void {
    if (document.hidden || source) return
    const opened = new EventSource(url)
    source = opened
    opened.addEventListener('open', () => onNews((before) => ({ ...before, isConnected: true })))
    opened.addEventListener('build', ({ data }: MessageEvent<string>) => {
      const build = JSON.parse(data) as Build
      onNews((before) => ({ ...before, build }))
    })
    opened.addEventListener('log', ({ data }: MessageEvent<string>) => {
      const news = JSON.parse(data) as LogNews
      onNews((before) => ({ ...before, log: appendLog(before.log, news) }))
    })
    opened.addEventListener('problem', lose)
    opened.addEventListener('error', () => {
      onNews((before) => ({ ...before, isConnected: false }))
      // Otherwise the browser tries again by itself.
      if (opened.readyState === EventSource.CLOSED) lose()
    })
  }
  const onVisibility = () => (document.hidden ? close() : open())
  document.addEventListener('visibilitychange', onVisibility)
  open()
  return () => {
    document.removeEventListener('visibilitychange', onVisibility)
    close()
  }
}
