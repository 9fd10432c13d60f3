import { encode } from 'uqr'
import { useMemo, useState } from 'preact/hooks'
import { Button } from './button.tsx'
import { CopyButton } from './copy-button.tsx'
import { Dialog } from './dialog.tsx'

/** Opens the link as a QR code, to take it over to a phone. */
export function QrButton({ url, kind = 'plain' }: { url: string; kind?: 'plain' | 'quiet' }) {
  const [isOpen, setOpen] = useState(false)
  return (
    <>
      <Button kind={kind} icon="qr" onClick={() => setOpen(true)}>
        QR code
      </Button>
      {isOpen && (
        <Dialog title="Scan to open" onClose={() => setOpen(false)}>
          <QrCode text={url} />
          <p class="qr-link mono">{url}</p>
          <div class="actions end">
            <CopyButton text={url} label="Copy link" />
          </div>
        </Dialog>
      )}
    </>
  )
}

function QrCode({ text }: { text: string }) {
  const { size, path } = useMemo(() => draw(text), [text])
  return (
    <svg class="qr" viewBox={`0 0 ${size} ${size}`} role="img" aria-label="QR code of the link">
      <rect width={size} height={size} fill="#fff" />
      <path d={path} fill="#000" />
    </svg>
  )
}

function draw(text: string): { size: number; path: string } {
  const { size, data } = encode(text, { border: 3 })
  const squares = data.flatMap((row, y) => row.map((isDark, x) => (isDark ? `M${x} ${y}h1v1h-1z` : '')))
  return { size, path: squares.join('') }
}
