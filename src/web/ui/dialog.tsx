import type { ComponentChildren } from 'preact'
import { useEffect, useId, useRef, useState } from 'preact/hooks'
import { asApiError, type ApiError } from '../api-error.ts'
import { Button, IconButton } from './button.tsx'
import { ErrorNotice } from './notice.tsx'
import { lastUsedControl, returnFocus } from './opener.ts'

interface DialogProps {
  title: string
  onClose: () => void
  children: ComponentChildren
}

/** The browser's own modal dialog: it keeps the focus inside, closes on Escape and gives the focus back. */
export function Dialog({ title, onClose, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null)
  const titleId = useId()
  useEffect(() => {
    const opener = lastUsedControl()
    const opened = dialog.current
    opened?.showModal()
    return () => {
      opened?.close()
      // The browser gives the focus back only when the dialog closes by itself, not when it is taken away.
      returnFocus(opener)
    }
  }, [])
  // The event of a dialog that is taken away comes late, when another may be open already.
  const closed = () => dialog.current && onClose()
  const closeOnBackdrop = (event: MouseEvent) => {
    if (event.target === dialog.current) onClose()
  }
  return (
    <dialog ref={dialog} class="dialog" aria-labelledby={titleId} onClose={closed} onMouseDown={closeOnBackdrop}>
      <div class="dialog-body">
        <header>
          <h2 id={titleId}>{title}</h2>
          <IconButton icon="close" label="Close" onClick={onClose} />
        </header>
        {children}
      </div>
    </dialog>
  )
}

interface ConfirmProps extends DialogProps {
  action: string
  onConfirm: () => Promise<void>
}

/** Asks before something is lost. Stays open with the reason when it fails. */
export function ConfirmDialog({ title, action, onConfirm, onClose, children }: ConfirmProps) {
  const [isBusy, setBusy] = useState(false)
  const [error, setError] = useState<ApiError | null>(null)
  const confirm = async () => {
    setBusy(true)
    try {
      await onConfirm()
      onClose()
    } catch (cause) {
      setError(asApiError(cause))
      setBusy(false)
    }
  }
  return (
    <Dialog title={title} onClose={onClose}>
      <div class="dialog-text">{children}</div>
      {error && <ErrorNotice error={error} />}
      <div class="actions end">
        <Button onClick={onClose}>Cancel</Button>
        <Button kind="danger" isBusy={isBusy} onClick={() => void confirm()}>
          {action}
        </Button>
      </div>
    </Dialog>
  )
}
