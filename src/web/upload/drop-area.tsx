import { useEffect, useRef, useState } from 'preact/hooks'
import { toast } from '../toasts.ts'
import { Button } from '../ui/button.tsx'
import { Icon } from '../ui/icon.tsx'
import { filesFromDrop, pastedName, textFile } from './dropped-files.ts'
import { TextDialog } from './text-dialog.tsx'

/** Fingers cannot drop. */
const INVITATION = matchMedia('(pointer: coarse)').matches ? 'Add files' : 'Drop or paste files anywhere on this page'

interface Props {
  onFiles: (files: File[]) => void
  hint: string
}

/** Takes files in every way a browser offers: chosen, dropped anywhere on the page, pasted, or typed as text. */
export function DropArea({ onFiles, hint }: Props) {
  const picker = useRef<HTMLInputElement>(null)
  const [isWriting, setWriting] = useState(false)
  const isDragging = useDrop(onFiles)
  usePaste(onFiles)
  const takeChosen = (input: HTMLInputElement) => {
    onFiles([...(input.files ?? [])])
    // The same file may be chosen again later.
    input.value = ''
  }
  return (
    <section class={isDragging ? 'drop-area dragging' : 'drop-area'} aria-label="Add files">
      <span class="drop-picture">
        <Icon name="upload" />
      </span>
      <p class="drop-title">{isDragging ? 'Let go to upload' : INVITATION}</p>
      <p class="muted">{hint}</p>
      <div class="actions center">
        <Button kind="primary" onClick={() => picker.current?.click()}>
          Choose files
        </Button>
        <Button icon="text" onClick={() => setWriting(true)}>
          Write text
        </Button>
      </div>
      <input
        ref={picker}
        type="file"
        multiple
        hidden
        aria-label="Files to upload"
        onChange={(event) => takeChosen(event.currentTarget)}
      />
      {isWriting && <TextDialog onFile={(file) => onFiles([file])} onClose={() => setWriting(false)} />}
    </section>
  )
}

function useDrop(onFiles: (files: File[]) => void): boolean {
  const [isDragging, setDragging] = useState(false)
  const latest = useLatest(onFiles)
  useEffect(() => {
    const controller = new AbortController()
    const { signal } = controller
    // Entering a child comes before leaving its parent, so enters and leaves are counted.
    let depth = 0
    const track = (event: DragEvent, change: number) => {
      if (!event.dataTransfer?.types.includes('Files')) return
      event.preventDefault()
      event.dataTransfer.dropEffect = 'copy'
      depth = Math.max(0, depth + change)
      setDragging(depth > 0)
    }
    window.addEventListener('dragenter', (event) => track(event, 1), { signal })
    window.addEventListener('dragover', (event) => track(event, 0), { signal })
    window.addEventListener('dragleave', (event) => track(event, -1), { signal })
    const drop = (event: DragEvent) => {
      track(event, -depth)
      if (event.dataTransfer?.types.includes('Files')) void take(event.dataTransfer, latest.current)
    }
    window.addEventListener('drop', drop, { signal })
    return () => controller.abort()
  }, [])
  return isDragging
}

async function take(transfer: DataTransfer, onFiles: (files: File[]) => void): Promise<void> {
  try {
    onFiles(await filesFromDrop(transfer))
  } catch {
    // Without permission to read, or moved away meanwhile: the browser does not say which.
    toast('Some of what you dropped could not be read. Check that you may open it, then drop it again.', 'bad')
  }
}

/** Pasted files and text are uploaded at once, unless they are pasted into a field. */
function usePaste(onFiles: (files: File[]) => void): void {
  const latest = useLatest(onFiles)
  useEffect(() => {
    const paste = (event: ClipboardEvent) => {
      const isTyping = event.target instanceof Element && event.target.closest('input, textarea, dialog')
      if (isTyping || !event.clipboardData) return
      const files = [...event.clipboardData.files]
      const text = event.clipboardData.getData('text/plain')
      const rename = (file: File) => new File([file], pastedName(file.name, new Date()), { type: file.type })
      if (files.length > 0) latest.current(files.map(rename))
      else if (text.trim() !== '') latest.current([textFile(text, pastedName('image.txt', new Date()))])
    }
    window.addEventListener('paste', paste)
    return () => window.removeEventListener('paste', paste)
  }, [])
}

/** Listeners that are set once still have to see the options as they are now. */
function useLatest<T>(value: T): { current: T } {
  const latest = useRef(value)
  latest.current = value
  return latest
}
