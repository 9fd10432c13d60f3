import type { Choice, ExpiryValue } from '../expiry.ts'
import { expiryTime } from '../expiry.ts'
import { serverNow } from '../server-clock.ts'
import { ExpiryField } from '../ui/expiry-field.tsx'
import { TextField } from '../ui/field.tsx'
import { checkCount, checkNote, checkPassphrase } from './checks.ts'

export interface UploadOptions {
  expiry: ExpiryValue
  note: string
  passphrase: string
  maxDownloads: string
}

interface Props {
  value: UploadOptions
  onValue: (value: UploadOptions) => void
  choices: readonly Choice[]
}

/** What holds for the files that are added from now on. */
export function OptionsForm({ value, onValue, choices }: Props) {
  const set = (change: Partial<UploadOptions>) => onValue({ ...value, ...change })
  return (
    <fieldset class="options">
      <legend class="visually-hidden">Options for the files you add</legend>
      <div class="columns">
        <ExpiryField label="Expiry" value={value.expiry} onValue={(expiry) => set({ expiry })} choices={choices} />
        <TextField
          label="Note"
          hint="Only you see it. You can search for it."
          value={value.note}
          onValue={(note) => set({ note })}
          error={checkNote(value.note)}
        />
      </div>
      <MoreOptions value={value} set={set} />
    </fieldset>
  )
}

function MoreOptions({ value, set }: { value: UploadOptions; set: (change: Partial<UploadOptions>) => void }) {
  return (
    <details class="more">
      <summary>More: passphrase, download limit</summary>
      <div class="columns">
        <TextField
          label="Passphrase"
          hint="Asked for before the download. Leave empty for none."
          autocomplete="off"
          spellcheck={false}
          value={value.passphrase}
          onValue={(passphrase) => set({ passphrase })}
          error={checkPassphrase(value.passphrase)}
        />
        <TextField
          label="Download limit"
          hint="After so many downloads the link ends. Leave empty for none."
          inputMode="numeric"
          value={value.maxDownloads}
          onValue={(maxDownloads) => set({ maxDownloads })}
          error={checkCount(value.maxDownloads)}
        />
      </div>
    </details>
  )
}

/** What has to be mended before files can be added; `null` when all is well. */
export function optionsProblem({ expiry, note, passphrase, maxDownloads }: UploadOptions): string | null {
  if (expiryTime(expiry, serverNow()) === null) return 'Choose the last day first: a day in the future.'
  return checkNote(note) ?? checkPassphrase(passphrase) ?? checkCount(maxDownloads)
}
