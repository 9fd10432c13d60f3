import { useState } from 'preact/hooks'
import { getSettings, getSystem } from '../api.ts'
import { expiryTime, ownerChoices } from '../expiry.ts'
import { formatBytes } from '../format.ts'
import { fileUrl, namedFileUrl } from '../place.ts'
import { serverNow } from '../server-clock.ts'
import { toast } from '../toasts.ts'
import type { Settings, SharedFile, SystemInfo } from '../../client/api-types.ts'
import { Show, useLoaded } from '../ui/loaded.tsx'
import { Page } from '../ui/page.tsx'
import { checkJob } from '../upload/checks.ts'
import { DropArea } from '../upload/drop-area.tsx'
import { OptionsForm, optionsProblem, type UploadOptions } from '../upload/options.tsx'
import { isUnderWay } from '../upload/queue.ts'
import { UploadRows } from '../upload/rows.tsx'
import { ownerUploads } from '../upload/uploads.ts'

export function UploadPage() {
  const settings = useLoaded('settings', getSettings)
  return (
    <Page title="Upload" width="narrow">
      <Show from={settings}>{(loaded) => <Uploader settings={loaded} />}</Show>
    </Page>
  )
}

function Uploader({ settings }: { settings: Settings }) {
  const system = useLoaded('system', getSystem)
  const [options, setOptions] = useState<UploadOptions>({
    expiry: { choice: settings.defaultNeverExpire ? 'never' : `${settings.defaultExpirationDays}`, date: '' },
    note: '',
    passphrase: '',
    maxDownloads: '',
  })
  return (
    <>
      <OptionsForm value={options} onValue={setOptions} choices={ownerChoices(settings.defaultExpirationDays)} />
      <DropArea onFiles={(files) => void addFiles(files, options)} hint={tellRoom(system.data)} />
      <UploadRows queue={ownerUploads} linksOf={linksOf} />
    </>
  )
}

const linksOf = ({ id, filename }: SharedFile) => ({
  url: fileUrl(id),
  namedUrl: namedFileUrl(id, filename),
  details: `/files/${id}/info`,
})

function tellRoom(system: SystemInfo | null): string {
  if (!system) return 'Files and folders, as many as you like'
  const { maxFileSizeBytes: max, availableForUploadsBytes: available } = system
  const limits = [
    max === null ? null : `up to ${formatBytes(max)} a file`,
    available === null ? null : `${max === null ? 'there is ' : ''}room for ${formatBytes(available)}`,
  ]
  const words = limits.filter((limit) => limit !== null).join(', ')
  return words === '' ? 'Files and folders, as many as you like' : words[0]?.toUpperCase() + words.slice(1)
}

async function addFiles(files: File[], options: UploadOptions): Promise<void> {
  const problem = optionsProblem(options)
  const expiration = expiryTime(options.expiry, serverNow())
  if (problem || expiration === null) return toast(problem ?? 'Choose when the files expire.', 'bad')
  // How much room there is now. When that cannot be told, the server itself will refuse what it cannot hold.
  const system = await getSystem().catch(() => null)
  for (const file of files) {
    const job = {
      name: file.name,
      sizeBytes: file.size,
      file,
      expiration,
      note: options.note.trim(),
      passphrase: options.passphrase,
      maxDownloads: options.maxDownloads === '' ? null : Number(options.maxDownloads),
    }
    const available = system?.availableForUploadsBytes ?? null
    const availableBytes = available === null ? null : available - unsentBytes()
    const maxFileBytes = system?.maxFileSizeBytes ?? null
    ownerUploads.add(job, checkJob(job, { availableBytes, maxFileBytes, filesLeft: null }))
  }
}

function unsentBytes(): number {
  const unsent = ownerUploads.get().filter(isUnderWay)
  return unsent.reduce((sum, { job, sentBytes }) => sum + job.sizeBytes - sentBytes, 0)
}
