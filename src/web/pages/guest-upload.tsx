import { useState } from 'preact/hooks'
import { getGuestView } from '../api.ts'
import { expiryTime, formatLifetime, guestChoices, type ExpiryValue } from '../expiry.ts'
import { formatBytes, plural } from '../format.ts'
import { fileUrl, namedFileUrl } from '../place.ts'
import { serverNow } from '../server-clock.ts'
import type { GuestView } from '../views.ts'
import { ExpiryField } from '../ui/expiry-field.tsx'
import { Loading, useLoaded } from '../ui/loaded.tsx'
import { Name } from '../ui/name.tsx'
import { ErrorNotice } from '../ui/notice.tsx'
import { Page } from '../ui/page.tsx'
import { checkJob } from '../upload/checks.ts'
import { DropArea } from '../upload/drop-area.tsx'
import { isUnderWay } from '../upload/queue.ts'
import { UploadRows } from '../upload/rows.tsx'
import { guestUploads } from '../upload/uploads.ts'
import { useStore } from '../use-store.ts'

/** Where someone without a login leaves files, by a link that the owner has given them. */
export function GuestUploadPage({ id }: { id: string }) {
  const { data, error, reload } = useLoaded(id, (signal) => getGuestView(id, signal))
  if (error && (error.status === 404 || error.status === 400)) return <UnknownLink />
  if (error) return <ErrorNotice error={error} onRetry={reload} />
  if (!data) return <Loading />
  return data.isActive || guestUploads.get().length > 0 ? <GuestUploader link={data} /> : <InactiveLink link={data} />
}

function GuestUploader({ link }: { link: GuestView }) {
  const [expiry, setExpiry] = useState<ExpiryValue>({ choice: 'longest', date: '' })
  useStore(guestUploads)
  // The server counted when the page was opened: earlier uploads are in its count.
  const [countedBefore] = useState(doneCount)
  const filesLeft = () => {
    const underWay = guestUploads.get().filter(isUnderWay).length
    return link.uploadsLeft === null ? null : link.uploadsLeft - underWay - (doneCount() - countedBefore)
  }
  const choices = guestChoices(link.fileLifetimeMs)
  return (
    <Page title="Send files" width="narrow" lead={tellLimits(link)}>
      {link.greeting !== null && (
        <p class="greeting">
          <Name text={link.greeting} />
        </p>
      )}
      {choices.length > 1 && (
        <div class="options">
          <div class="columns">
            <ExpiryField label="Expiry" value={expiry} onValue={setExpiry} choices={choices} />
          </div>
        </div>
      )}
      <DropArea onFiles={(files) => addFiles(files, link, expiry, filesLeft)} hint={tellLeft(filesLeft())} />
      <UploadRows queue={guestUploads} linksOf={linksOf} />
    </Page>
  )
}

const linksOf = ({ id }: { id: string }, { name }: { name: string }) => ({
  url: fileUrl(id),
  namedUrl: namedFileUrl(id, name),
})

function tellLimits({ maxFileBytes, fileLifetimeMs }: GuestView): string {
  const size = maxFileBytes === null ? 'Files of any size' : `Files of up to ${formatBytes(maxFileBytes)} each`
  const time =
    fileLifetimeMs === null
      ? 'They stay until the owner deletes them'
      : `They are kept for ${formatLifetime(fileLifetimeMs)} at most`
  return `${size}. ${time}. No login needed.`
}

function tellLeft(filesLeft: number | null): string {
  if (filesLeft === null) return 'As many as you like'
  return filesLeft > 0 ? `${plural(filesLeft, 'more file')} can be sent by this link` : 'This link takes no more files'
}

function doneCount(): number {
  return guestUploads.get().filter(({ state }) => state === 'done').length
}

function addFiles(files: File[], link: GuestView, expiry: ExpiryValue, filesLeft: () => number | null): void {
  // The longest is left to the server: its clock, not this one, says when that is.
  const expiration = expiry.choice === 'longest' ? null : expiryTime(expiry, serverNow())
  for (const file of files) {
    const job = { name: file.name, sizeBytes: file.size, file, guestLinkId: link.id, expiration }
    const limits = { availableBytes: null, maxFileBytes: link.maxFileBytes, filesLeft: filesLeft() }
    guestUploads.add(job, checkJob(job, limits))
  }
}

function InactiveLink({ link }: { link: GuestView }) {
  const reason =
    link.uploadsLeft === 0
      ? 'As many files as it allowed have been sent by it.'
      : 'It has expired, or its owner has switched it off.'
  return (
    <Page
      title="This link no longer takes files"
      width="narrow"
      lead={`${reason} Ask the person who gave it to you for another one. Files already sent stay where they are.`}
    />
  )
}

function UnknownLink() {
  return (
    <Page
      title="There is no such guest link"
      width="narrow"
      lead="It may have been deleted, or a letter is missing. Compare the address with the one you were given, or ask for it again."
    />
  )
}
