/** The one place that knows which targets there are. */
import { HoldfastError } from '../../base/index.ts'
import { CommandTarget } from './command.ts'
import { HoldfastTarget } from './holdfast.ts'
import { PicoshareTarget } from './picoshare.ts'
import type { Target } from './target.ts'
import { UrlTarget } from './url.ts'
import { LabError } from '../errors.ts'

export interface NamedTarget {
  /** Unique in a run; what results, plots and verdicts call it. */
  name: string
  /** As given, for the plan. */
  spec: string
  target: Target
}

/** What `--target` takes, for help and errors. */
export const TARGETS_ALLOWED =
  "holdfast, picoshare, 'command:WORDS with {port} and {data}' or a URL, each as NAME=TARGET if you like"

/**
 * The targets of a run. The same one given twice is an A/A run: its second self is called `holdfast-2`.
 * @throws INVALID_REQUEST for a text that is not a target, or a name that is given twice.
 */
export function parseTargets(specs: readonly string[]): NamedTarget[] {
  const named: NamedTarget[] = []
  for (const spec of specs) {
    const [, givenName, rest] = /^(?:([\w.-]+)=)?(.*)$/s.exec(spec) ?? []
    const target = parseTarget(rest ?? '')
    if (!target) throw invalid(spec)
    const base = givenName ?? defaultName(target, rest ?? '')
    const taken = (name: string) => named.some((other) => other.name === name)
    if (givenName && taken(givenName)) {
      throw new LabError('INVALID_REQUEST', `--target: two targets have the name ${givenName}`)
    }
    let name = base
    for (let count = 2; taken(name); count++) name = `${base}-${count}`
    named.push({ name, spec, target })
  }
  return named
}

function parseTarget(text: string): Target | null {
  if (text === 'holdfast') return new HoldfastTarget()
  if (text === 'picoshare') return new PicoshareTarget()
  if (/^command:\s*\S/.test(text)) return new CommandTarget(text.slice('command:'.length))
  if (/^https?:\/\/[^\s/]+/.test(text) && URL.canParse(text)) {
    return new UrlTarget(text, process.env.HOLDFAST_SHARED_SECRET || process.env.PS_SHARED_SECRET || '')
  }
  return null
}

function defaultName(target: Target, text: string): string {
  return target.kind === 'url' ? new URL(text).host.replaceAll(/[^\w.-]/g, '-') : target.kind
}

function invalid(spec: string): HoldfastError {
  return new LabError('INVALID_REQUEST', `--target: ${JSON.stringify(spec)} is not ${TARGETS_ALLOWED}`)
}
