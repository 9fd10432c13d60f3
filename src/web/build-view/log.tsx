import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import { Button } from '../ui/button.tsx'
import { Icon } from '../ui/icon.tsx'
import type { LogText } from './log-text.ts'

/** So near the end counts as at the end, px. */
const NEAR = 24

interface Props {
  log: LogText
  /** The whole log by itself. */
  href: string
}

/** The end of a log. It follows new lines, unless the reader has scrolled up. */
export function LogTail({ log: { text, isCut }, href }: Props) {
  const box = useRef<HTMLPreElement>(null)
  const [isFollowing, setFollowing] = useState(true)
  const toEnd = () => box.current?.scrollTo({ top: box.current.scrollHeight })
  useLayoutEffect(() => {
    if (isFollowing) toEnd()
  }, [text, isFollowing])
  const onScroll = () => {
    const { scrollHeight = 0, scrollTop = 0, clientHeight = 0 } = box.current ?? {}
    setFollowing(scrollHeight - scrollTop - clientHeight < NEAR)
  }
  return (
    <section class="section" aria-labelledby="log-title">
      <header class="section-head">
        <h2 id="log-title">Log</h2>
        <a class="button quiet" href={href} target="_blank" rel="noreferrer">
          <Icon name="open" />
          <span>Whole log</span>
        </a>
      </header>
      {isCut && <p class="muted">This is its end; what came before is in the whole log.</p>}
      <div class="log-frame">
        <pre
          class="log"
          ref={box}
          tabIndex={0}
          role="log"
          aria-live="off"
          aria-labelledby="log-title"
          onScroll={onScroll}
        >
          {text}
        </pre>
        {!isFollowing && (
          <Button icon="down" onClick={() => setFollowing(true)}>
            To the end
          </Button>
        )}
      </div>
    </section>
  )
}
