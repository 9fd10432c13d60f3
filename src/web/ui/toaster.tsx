import { announcement, dismissToast, toasts } from '../toasts.ts'
import { useStore } from '../use-store.ts'
import { IconButton } from './button.tsx'
import { Icon } from './icon.tsx'

export function Toaster() {
  const shown = useStore(toasts)
  const text = useStore(announcement)
  return (
    <>
      <div class="toasts" role="status" aria-live="polite">
        {shown.map(({ id, text: message, kind, action }) => (
          <div key={id} class={`toast ${kind}`}>
            <Icon name={kind === 'good' ? 'check' : 'alert'} />
            <span>{message}</span>
            {action !== null && (
              <button
                type="button"
                class="toast-action"
                onClick={() => {
                  dismissToast(id)
                  action.run()
                }}
              >
                {action.label}
              </button>
            )}
            <IconButton icon="close" label="Dismiss" onClick={() => dismissToast(id)} />
          </div>
        ))}
      </div>
      <div class="visually-hidden" role="status" aria-live="polite">
        {text}
      </div>
    </>
  )
}
