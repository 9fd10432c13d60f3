import type { Build, BuildStatus, BuildStep, StepStatus } from '../../client/api-types.ts'
import { Icon, type IconName } from '../ui/icon.tsx'
import { isAbandoned } from './times.ts'

interface Look {
  label: string
  icon: IconName
  kind: 'good' | 'bad' | 'warn' | 'live' | 'off'
}

export const BUILD_LOOKS: Record<BuildStatus, Look> = {
  pending: { label: 'Pending', icon: 'clock', kind: 'off' },
  creating: { label: 'Creating', icon: 'play', kind: 'live' },
  provisioning: { label: 'Provisioning', icon: 'play', kind: 'live' },
  complete: { label: 'Complete', icon: 'check', kind: 'good' },
  failed: { label: 'Failed', icon: 'close', kind: 'bad' },
  interrupted: { label: 'Interrupted', icon: 'pause', kind: 'warn' },
}

const STEP_LOOKS: Record<StepStatus, Look> = {
  pending: { label: 'Pending', icon: 'clock', kind: 'off' },
  running: { label: 'Running', icon: 'play', kind: 'live' },
  complete: { label: 'Complete', icon: 'check', kind: 'good' },
  failed: { label: 'Failed', icon: 'close', kind: 'bad' },
  skipped: { label: 'Skipped', icon: 'skip', kind: 'off' },
}

const CONTINUED: Look = { label: 'Failed (continued)', icon: 'alert', kind: 'warn' }

export function lookOfStep({ status, error }: Pick<BuildStep, 'status' | 'error'>): Look {
  return status === 'complete' && error !== null ? CONTINUED : STEP_LOOKS[status]
}

const ABANDONED: Look = { label: 'Abandoned', icon: 'alert', kind: 'warn' }

export function lookOf(build: Pick<Build, 'status' | 'workedOnBy'>): Look {
  return isAbandoned(build) ? ABANDONED : BUILD_LOOKS[build.status]
}

/** A status in colour, picture and word. */
export function StatusBadge({ look: { label, icon, kind } }: { look: Look }) {
  return (
    <span class={`state with-icon ${kind}`}>
      <Icon name={icon} />
      {label}
    </span>
  )
}
