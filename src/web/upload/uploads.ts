/** The two queues of this page, and what has to happen beside them whatever page is shown. */
import { announce } from '../toasts.ts'
import type { SharedFile } from '../../client/api-types.ts'
import { visibleName } from '../visible-text.ts'
import { isUnderWay, UploadQueue, type Job, type UploadItem } from './queue.ts'
import { sendAsGuest, sendAsOwner, type GuestJob, type OwnerJob } from './transport.ts'

const onEnd = ({ job, error }: UploadItem<Job, unknown>) =>
  announce(`${visibleName(job.name)} is ${error ? `not uploaded. ${error.message}` : 'uploaded.'}`)

export const ownerUploads = new UploadQueue<OwnerJob, SharedFile>({ send: sendAsOwner, onEnd })
export const guestUploads = new UploadQueue<GuestJob, { id: string }>({ send: sendAsGuest, onEnd })

/** Has the browser ask before a page with running uploads is left. */
export function guardUploads(): void {
  const ask = (event: BeforeUnloadEvent) => event.preventDefault()
  const update = () => {
    const isBusy = [...ownerUploads.get(), ...guestUploads.get()].some(isUnderWay)
    // Only while needed: a page with such a listener is not kept for "back".
    if (isBusy) window.addEventListener('beforeunload', ask)
    else window.removeEventListener('beforeunload', ask)
  }
  ownerUploads.subscribe(update)
  guestUploads.subscribe(update)
}
