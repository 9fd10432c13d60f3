import { useEffect, useState } from 'preact/hooks'
import { announce, toast } from '../toasts.ts'
import { Button, IconButton } from './button.tsx'

const SHOWN_MS = 2000

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
  const copy = async () => {
    const worked = await copyText(text)
    setCopied(worked)
    if (worked) announce('Copied to the clipboard.')
    else toast('The browser did not allow copying. Select the text and copy it by hand.', 'bad')
  }
  return { isCopied, copy: () => void copy() }
}

/** Over plain HTTP, as in many home networks, there is no clipboard object: the old command still works there. */
async function copyText(text: string): Promise<boolean> {
  if (navigator.clipboard) {
    return navigator.clipboard.writeText(text).then(
      () => true,
      () => copyBySelection(text),
    )
  }
  return copyBySelection(text)
}

function copyBySelection(text: string): boolean {
  const focused = document.activeElement
  const area = document.createElement('textarea')
  area.value = text
  area.className = 'visually-hidden'
  const parent = focused?.closest('dialog') ?? document.body
  parent.append(area)
  area.select()
  const worked = document.execCommand('copy')
  area.remove()
  if (focused instanceof HTMLElement) focused.focus()
  return worked
}
