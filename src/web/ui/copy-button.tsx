import type { TargetedMouseEvent } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { announce, toast } from '../toasts.ts'
import { Button, IconButton } from './button.tsx'

const SHOWN_MS = 2000

type Pressed = TargetedMouseEvent<HTMLButtonElement>

interface CopyProps {
  text: string
  /** What it is: "Copy link". */
  label: string
}

export function CopyButton({ text, label, kind = 'plain' }: CopyProps & { kind?: 'plain' | 'primary' | 'quiet' }) {
  const { isCopied, copy } = useCopy(text)
  return (
    <Button kind={kind} icon={isCopied ? 'check' : 'copy'} onClick={copy}>
      {isCopied ? 'Copied' : label}
    </Button>
  )
}

export function CopyIconButton({ text, label }: CopyProps) {
  const { isCopied, copy } = useCopy(text)
  return <IconButton icon={isCopied ? 'check' : 'copy'} label={isCopied ? 'Copied' : label} onClick={copy} />
}

function useCopy(text: string) {
  const [isCopied, setCopied] = useState(false)
  useEffect(() => {
    if (!isCopied) return undefined
    const timer = setTimeout(() => setCopied(false), SHOWN_MS)
    return () => clearTimeout(timer)
  }, [isCopied])
  const copy = async (button: HTMLElement) => {
    const worked = await copyText(text, button)
    setCopied(worked)
    if (worked) announce('Copied to the clipboard.')
    else toast('The browser did not allow copying. Select the text and copy it by hand.', 'bad')
  }
  return { isCopied, copy: (event: Pressed) => void copy(event.currentTarget) }
}

/** Over plain HTTP, as in many home networks, there is no clipboard object: the old command still works there. */
async function copyText(text: string, button: HTMLElement): Promise<boolean> {
  if (navigator.clipboard) {
    return navigator.clipboard.writeText(text).then(
      () => true,
      () => copyBySelection(text, button),
    )
  }
  return copyBySelection(text, button)
}

/** Only what lies in the open dialog can be selected, so the text goes beside the button. */
function copyBySelection(text: string, button: HTMLElement): boolean {
  const area = document.createElement('textarea')
  area.value = text
  area.readOnly = true
  area.className = 'visually-hidden'
  const parent = button.closest('dialog') ?? document.body
  parent.append(area)
  area.select()
  // The command says yes even if there was nothing to copy; the event comes only when something is copied.
  let isWritten = false
  const write = (event: ClipboardEvent) => {
    event.clipboardData?.setData('text/plain', text)
    event.preventDefault()
    isWritten = event.clipboardData !== null
  }
  document.addEventListener('copy', write, { capture: true })
  const isAllowed = document.execCommand('copy')
  document.removeEventListener('copy', write, { capture: true })
  area.remove()
  button.focus({ preventScroll: true })
  return isAllowed && isWritten
}
