/**
 * Writes what is made from the code: reference pages, the manual page, the types of the HTTP API. `--check` only says
 * whether they are up to date.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { z } from 'zod'
import type { Option } from '../src/base/index.ts'
import { OPTIONS } from '../src/cli/options.ts'
import { ERROR_CODES } from '../src/cli/error-codes.ts'
import { cellResultSchema } from '../src/lab/results/result.ts'
import { apiTypes } from './api-types.ts'
import { manPage } from './man-page.ts'

const pages = {
  'docs/reference/configuration.md': configuration(),
  'docs/reference/errors.md': errors(),
  'docs/reference/lab-result.schema.json': labResultSchema(),
  'src/client/api-types.ts': await apiTypes(),
  'man/holdfast.1': await manPage(),
}

const stale = Object.entries(pages).filter(([path, text]) => read(path) !== text)
if (process.argv.includes('--check')) {
  for (const [path] of stale) console.error(`${path} is out of date: run 'node scripts/docs.ts'`)
  process.exitCode = stale.length > 0 ? 1 : 0
} else {
  for (const [path, text] of stale) writeFileSync(path, text)
}

function labResultSchema(): string {
  return `${JSON.stringify(z.toJSONSchema(cellResultSchema), null, 2)}\n`
}

function configuration(): string {
  const rows = Object.entries(OPTIONS as Record<string, Option<unknown>>).map(([key, option]) => {
    const names = [...option.env, ...('presence' in option ? (option.presence as string[]) : [])]
    const flag = option.flag === null ? '(none: it would be visible to other users)' : `\`--${option.flag}\``
    const fallback = option.format(option.default)
    return `| \`${key}\` | ${names.map((name) => `\`${name}\``).join(', ')} | ${flag} | ${fallback ? `\`${fallback}\`` : '(none)'} | ${option.allowed} | ${option.summary} |`
  })
  return `# Configuration

Flags win over the environment, that over the config file (\`--config FILE\` or \`HOLDFAST_CONFIG\`: a JSON object of the
names in the first column), that over the defaults. All mistakes are reported together, with exit code 78, before a port
is opened or a file is made; an unknown \`HOLDFAST_\` variable is a mistake too. An empty variable counts as unset.
\`holdfast config check\` prints what is in effect, secrets masked.

Sizes: \`500M\`, \`1.5GB\` (decimal), \`64MiB\` (binary). Durations: \`250ms\`, \`30s\`, \`5m\`, \`1h30m\`, \`7d\`.

| name | environment | flag | default | allowed | what it does |
|---|---|---|---|---|---|
${rows.join('\n')}

Variables that are not settings: \`HOLDFAST_PACKER\`, the program that [builds](../guide/build.md) run instead of the \`packer\` on the
\`PATH\`; \`HOLDFAST_LOCK_ID\`, \`HOLDFAST_LOCK_IDS\` and \`HOLDFAST_LOCK_TOKEN\`, which \`holdfast lock acquire\` gives to the command that runs
under a [lock](../guide/locks.md).
`
}

function errors(): string {
  const rows = Object.entries(ERROR_CODES).map(
    ([code, { http, exit, meaning }]) => `| \`${code}\` | ${http} | ${exit} | ${meaning} |`,
  )
  return `# Errors

Every failure has a stable code. Over HTTP it is a line of text, or, for a client that sends \`Accept: application/json\`,
\`{"error": {"code", "message", "hint"}}\` with the status below. A command prints the message and ends with the exit code
below (those of sysexits.h where one fits). \`Retry-After\` says when to come back.

| code | HTTP | exit | meaning |
|---|---|---|---|
${rows.join('\n')}
`
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
