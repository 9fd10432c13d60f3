import type { Build, BuildStep } from '../../client/api-types.ts'
import { Icon } from '../ui/icon.tsx'
import { useNow } from './live.ts'
import { lookOfStep, StatusBadge } from './status.tsx'
import { barOf, formatTook, isKept, isLive, spanOf, stepTook, type Span } from './times.ts'

/** The steps of a build, one below the other, each with a bar for when it ran. */
export function Timeline({ build }: { build: Build }) {
  const time = useNow(isLive(build))
  const span = spanOf(build, time)
  const now = isLive(build) ? time : null
  return (
    <ol class="steps">
      {build.steps.map((step, index) => (
        <Step key={index} step={step} span={span} now={now} isKept={isKept(step, build)} />
      ))}
    </ol>
  )
}

interface StepProps {
  step: BuildStep
  span: Span | null
  /** `null`: the build does not go on. */
  now: number | null
  isKept: boolean
}

function Step({ step, span, now, isKept: kept }: StepProps) {
  const { error, output, status } = step
  const row = <StepRow step={step} span={span} now={now} isKept={kept} />
  if (error === null && output === null) {
    return (
      <li>
        <div class="step">{row}</div>
      </li>
    )
  }
  return (
    <li>
      <details open={status === 'failed'}>
        <summary class="step">
          {row}
          <Icon name="down" />
        </summary>
        <div class="step-more">
          {error !== null && <p class="step-error">{error}</p>}
          {output !== null && (
            <pre class="log short" tabIndex={0} aria-label={`End of the output of ${step.name}`}>
              {output}
            </pre>
          )}
        </div>
      </details>
    </li>
  )
}

function StepRow({ step, span, now, isKept: kept }: StepProps) {
  const took = stepTook(step, now)
  const bar = span && barOf(step, span, now)
  const look = lookOfStep(step)
  return (
    <>
      <StatusBadge look={look} />
      <span class="step-name">
        <bdi>{step.name}</bdi>
        <StepNotes step={step} isKept={kept} />
      </span>
      <span class="step-track" aria-hidden="true">
        {bar && (
          <span class={`step-bar ${look.kind}`} style={{ left: percent(bar.start), width: percent(bar.width) }} />
        )}
      </span>
      <span class="step-took">{took === null ? '' : formatTook(took)}</span>
    </>
  )
}

function StepNotes({
  step: { attempts, exitStatus, status, error },
  isKept: kept,
}: Pick<StepProps, 'step' | 'isKept'>) {
  const notes = [
    kept ? 'kept from an earlier run' : '',
    (status === 'failed' || error !== null) && exitStatus !== null ? `exit status ${exitStatus}` : '',
    attempts !== null && attempts > 1 ? `${attempts} attempts` : '',
  ].filter((note) => note !== '')
  return notes.length > 0 ? <span class="muted"> {notes.join(', ')}</span> : null
}

function percent(fraction: number): string {
  return `${(fraction * 100).toFixed(2)}%`
}
