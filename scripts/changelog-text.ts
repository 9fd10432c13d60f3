/** The form of an entry of the changelog, and of CHANGELOG.md. */

/** In the order in which a release lists them. */
const KINDS = ['Security', 'Changed', 'Removed', 'Added', 'Fixed'] as const
const MAX_TITLE_CHARACTERS = 100

export interface Entry {
  /** Of its file. */
  name: string
  kind: (typeof KINDS)[number]
  /** One sentence. */
  title: string
  /** One paragraph; empty when the title says all. */
  body: string
}

/** @returns the entry, or what is wrong with it. */
export function parseEntry(name: string, text: string): Entry | string {
  if (!/^[a-z0-9]+(-[a-z0-9]+)*\.md$/.test(name)) return `${name}: expected a name such as resume-uploads.md`
  const [first = '', ...rest] = text.split('\n')
  const [, word = '', title = ''] = /^(\w+): (.+)$/.exec(first) ?? []
  const kind = KINDS.find((known) => known === word)
  if (kind === undefined) return `${name}: expected a first line of ${KINDS.join(', ')}, then ': ' and a title`
  if (!title.endsWith('.')) return `${name}: the title is not a sentence that ends in a full stop`
  if (title.length > MAX_TITLE_CHARACTERS) {
    return `${name}: the title has ${title.length} characters, more than ${MAX_TITLE_CHARACTERS}: say the rest below it`
  }
  const paragraphs = rest
    .join('\n')
    .trim()
    .split(/\n{2,}/)
  if (paragraphs.length > 1) return `${name}: expected one paragraph under the title, not ${paragraphs.length}`
  if (rest.join('').trim() !== '' && rest[0] !== '') return `${name}: expected an empty line under the title`
  return { name, kind, title, body: paragraphs.join('').replaceAll('\n', ' ') }
}

/** A list a kind, with what is most urgent first. */
export function formatEntries(entries: readonly Entry[]): string {
  return KINDS.flatMap((kind) => {
    const items = entries
      .filter((entry) => entry.kind === kind)
      .map(({ title, body }) => `- **${title}** ${body}`.trim())
    return items.length > 0 ? [`### ${kind}\n\n${items.join('\n')}\n`] : []
  }).join('\n')
}

/** A changelog with a new section above the sections of earlier versions. */
export function withSection(changelog: string, section: string): string {
  const at = changelog.indexOf('\n## ')
  const head = at === -1 ? `${changelog.trimEnd()}\n` : changelog.slice(0, at)
  return `${head}\n${section}${at === -1 ? '' : changelog.slice(at)}`
}

/** What a changelog says of a version, without the heading; null if it does not know it. */
export function sectionOf(changelog: string, version: string): string | null {
  const section = changelog.split(/^## /m).find((text) => text.startsWith(`${version} (`))
  return section === undefined ? null : section.slice(section.indexOf('\n')).trim()
}
