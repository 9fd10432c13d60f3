/** Keeps worn phrases and over-long comments out of sources, tests and docs. Lists each place, and exits 1. */
import { globSync, readFileSync } from 'node:fs'

const MAX_COMMENT_COLUMNS = 120

/** Each phrase, and what to write instead. */
const WORN: readonly { pattern: RegExp; instead: string }[] = [
  { pattern: /(?<!there )\b(is|are|was|were) no (?!longer|more|such|other)[a-z]/i, instead: '"is not a ..."' },
  { pattern: /\b(somebody|nobody)\b/i, instead: 'the process, caller or person that is meant' },
  { pattern: /\b(one|those) (that|who)\b|\bthose of\b/i, instead: 'the noun that is meant' },
  { pattern: /\bthat of\b/i, instead: 'the noun that is meant' },
  { pattern: /\bwho (only|looks|asks|waits|has|reads|saves)\b/i, instead: '"a reader that ...", "callers that ..."' },
  { pattern: /(^|[.:;(] )what (is|was|are|were)\b/i, instead: 'the noun that is meant' },
]

const found: string[] = []
for (const path of globSync('{src,test,bench,scripts,docs}/**/*.{ts,tsx,js,md}').toSorted()) {
  if (path === 'scripts/prose.ts' || path.startsWith('docs/reference/')) continue
  for (const [index, line] of readFileSync(path, 'utf8').split('\n').entries()) check(path, index + 1, line)
}

function check(path: string, line: number, text: string): void {
  const isMarkdown = path.endsWith('.md')
  const comment = isMarkdown ? text : (/(?:^\s*|\s)(\/\/|\/?\*\*? )(.*)$/.exec(text)?.[2] ?? '')
  const place = `${path}:${line}`
  if (!isMarkdown && /^\s*(\/\/|\/?\*)/.test(text) && text.length > MAX_COMMENT_COLUMNS && !/https?:\/\//.test(text)) {
    found.push(`${place}: a comment of ${text.length} columns; ${MAX_COMMENT_COLUMNS} are allowed`)
  }
  const literals = [...text.matchAll(/(['`])((?:(?!\1).)*)\1/g)].map((match) => match[2] ?? '')
  // A literal without a space is a value, such as an id or a status.
  const strings = isMarkdown ? '' : literals.filter((literal) => literal.includes(' ')).join(' ')
  const worn = WORN.find(({ pattern }) => pattern.test(comment) || pattern.test(strings))
  if (worn) found.push(`${place}: ${text.trim().slice(0, 120)}\n    instead: ${worn.instead}`)
}

for (const line of found) console.error(line)
if (found.length > 0) process.exitCode = 1
