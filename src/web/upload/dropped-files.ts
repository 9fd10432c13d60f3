/** Files from a drop or a paste. Folders are walked through: what lies in them is uploaded file by file. */
export async function filesFromDrop(transfer: DataTransfer): Promise<File[]> {
  // The list is emptied once this task ends, so everything is taken out of it before the first wait.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null)
  if (entries.length === 0) return [...transfer.files]
  const nested = await Promise.all(entries.map(filesOfEntry))
  return nested.flat()
}

/** A file that is let go where nothing takes it would replace the whole page, with all uploads on it. */
export function ignoreStrayDrops(): void {
  const ignore = (event: DragEvent) => {
    if (!event.dataTransfer?.types.includes('Files')) return
    event.preventDefault()
    event.dataTransfer.dropEffect = 'none'
  }
  window.addEventListener('dragover', ignore)
  window.addEventListener('drop', ignore)
}

async function filesOfEntry(entry: FileSystemEntry): Promise<File[]> {
  if (isFile(entry)) return [await new Promise<File>((resolve, reject) => entry.file(resolve, reject))]
  if (!isDirectory(entry)) return []
  const children = await readAll(entry.createReader())
  const nested = await Promise.all(children.map(filesOfEntry))
  return nested.flat()
}

/** A reader hands out a hundred at a time, and an empty list at the end. */
async function readAll(reader: FileSystemDirectoryReader): Promise<FileSystemEntry[]> {
  const all: FileSystemEntry[] = []
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject))
    if (some.length === 0) return all
    all.push(...some)
  }
}

function isFile(entry: FileSystemEntry): entry is FileSystemFileEntry {
  return entry.isFile
}

function isDirectory(entry: FileSystemEntry): entry is FileSystemDirectoryEntry {
  return entry.isDirectory
}

/** Browsers call every pasted picture `image.png`: a name with the time tells one from the next. */
export function pastedName(original: string, now: Date): string {
  const stamp = [
    now.getFullYear(),
    now.getMonth() + 1,
    now.getDate(),
    now.getHours(),
    now.getMinutes(),
    now.getSeconds(),
  ]
    .map((part) => String(part).padStart(2, '0'))
    .join('')
  const named = /^image\.(\w+)$/.exec(original)
  return named ? `pasted-${stamp.slice(0, 8)}-${stamp.slice(8)}.${named[1]}` : original
}

export function textFile(text: string, name: string): File {
  return new File([text], name, { type: 'text/plain;charset=utf-8' })
}
