/**
 * How builds look in answers. A state may hold builds of any program, so nothing of what a record says is relied
 * upon.
 */
import { z } from 'zod'
import type { Build, BuildStatus, Provisioner, ProvisionerStatus } from '../../state/index.ts'
import { goOnCommand } from '../invocation.ts'
import { knownMetadata } from './metadata.ts'
import { plainText } from './readable-log.ts'
import { WORKERS, type Worker } from './worker.ts'

// Spelled out, and not taken from the state room, whose code is loaded only when there are states; the types hold
// them together.
const BUILD_STATUSES: Record<BuildStatus, 0> = {
  pending: 0,
  creating: 0,
  provisioning: 0,
  complete: 0,
  failed: 0,
  interrupted: 0,
}
const STEP_STATUSES: Record<ProvisionerStatus, 0> = { pending: 0, running: 0, complete: 0, failed: 0, skipped: 0 }

/** Characters of a step's output or an error that are shown: their end, or their beginning. */
const MAX_TEXT = 16_000

const time = z.iso.datetime().nullable().describe('RFC 3339, UTC')
export const buildStatus = z.enum(Object.keys(BUILD_STATUSES) as BuildStatus[]).meta({ id: 'BuildStatus' })
const stepStatus = z.enum(Object.keys(STEP_STATUSES) as ProvisionerStatus[]).meta({ id: 'StepStatus' })

const count = z.int().min(0)

const common = {
  state: z.string(),
  name: z.string().describe('Its key in the state: `<template name>/<source>` if `holdfast build` made it'),
  source: z.string(),
  status: buildStatus,
  template: z.string().nullable().describe("Path of the template, on the builder's machine"),
  createdAt: time,
  startedAt: time,
  endedAt: time,
  error: z.string().nullable(),
  workedOnBy: z
    .enum(WORKERS)
    .nullable()
    .describe('Of a build that `holdfast build` began and that is under way; `packer`: Packer alone goes on'),
}

export const buildSummary = z
  .object({
    ...common,
    steps: z.object({ total: count, complete: count }),
    currentStep: z
      .object({ number: z.int().describe('From 1'), name: z.string(), startedAt: time })
      .nullable()
      .describe('The provisioner that runs, or that failed'),
  })
  .meta({ id: 'BuildSummary' })

const step = z
  .object({
    name: z.string(),
    status: stepStatus,
    startedAt: time,
    endedAt: time,
    error: z.string().nullable(),
    exitStatus: z.int().nullable(),
    output: z.string().nullable().describe('The end of what it printed'),
    attempts: count.nullable(),
  })
  .meta({ id: 'BuildStep' })

const artifact = z
  .object({
    path: z.string(),
    sizeBytes: count,
    sha256: z.string(),
    url: z.string().nullable().describe('Where it was published'),
    type: z.string().nullable(),
  })
  .meta({ id: 'Artifact' })

const run = z.object({
  id: z.string(),
  startedAt: time,
  from: count.describe('The first provisioner that it ran, from 0; those before it were complete'),
  attempt: count,
})

export const buildView = z
  .object({
    ...common,
    packer: z.string().nullable().describe("Packer's version"),
    note: z.string().nullable().describe('Why it resumed, started over or was built again'),
    command: z.string().nullable().describe("Goes on with the build, in a POSIX shell on the builder's machine"),
    fingerprint: z.string().nullable().describe('Hash of the template and all that it refers to'),
    steps: z.array(step),
    artifacts: z.array(artifact),
    run: run.nullable(),
  })
  .meta({ id: 'Build' })

export type BuildSummary = z.infer<typeof buildSummary>
export type BuildView = z.infer<typeof buildView>

export function viewSummary(state: string, build: Build, worker: Worker | null): BuildSummary {
  const { provisioners } = build
  const index = provisioners.findIndex(({ status }) => status === 'running' || status === 'failed')
  const current = provisioners[index]
  return {
    ...viewCommon(state, build),
    workedOnBy: worker,
    steps: {
      total: provisioners.length,
      complete: provisioners.filter(({ status }) => status === 'complete').length,
    },
    currentStep: current ? { number: index + 1, name: current.name, startedAt: viewTime(current.startedAt) } : null,
  }
}

export function viewBuild(state: string, build: Build, worker: Worker | null): BuildView {
  const { template, packer, note, invocation, run: lastRun } = knownMetadata(build)
  return {
    ...viewCommon(state, build),
    workedOnBy: worker,
    packer,
    note,
    command: template === null ? null : goOnCommand({ template, state, source: build.source }, invocation),
    fingerprint: build.templateHash,
    steps: build.provisioners.map(viewStep),
    artifacts: build.artifacts.map(({ path, sizeBytes, sha256, url, type }) => {
      return { path, sizeBytes, sha256, url, type: type ?? null }
    }),
    run: lastRun && {
      id: lastRun.id,
      startedAt: viewTime(lastRun.startedAt),
      from: lastRun.from,
      attempt: lastRun.attempt,
    },
  }
}

function viewCommon(state: string, build: Build) {
  const { name, source, status, createdAt, startedAt, endedAt } = build
  return {
    state,
    name,
    source,
    status,
    template: knownMetadata(build).template,
    createdAt: viewTime(createdAt),
    startedAt: viewTime(startedAt),
    endedAt: viewTime(endedAt),
    error: viewText(build.error?.slice(0, MAX_TEXT)),
  }
}

function viewStep({ name, status, startedAt, endedAt, error, exitStatus, output, attempts }: Provisioner) {
  return {
    name,
    status,
    startedAt: viewTime(startedAt),
    endedAt: viewTime(endedAt),
    error: viewText(error?.slice(0, MAX_TEXT)),
    exitStatus: exitStatus ?? null,
    output: viewText(output?.slice(-MAX_TEXT)),
    attempts: attempts ?? null,
  }
}

/** An imported record may hold anything for a time. */
function viewTime(at: string | null): string | null {
  const ms = at === null ? Number.NaN : Date.parse(at)
  return Number.isNaN(ms) ? null : new Date(ms).toISOString()
}

function viewText(lines: string | null | undefined): string | null {
  return lines?.split('\n').map(plainText).join('\n') ?? null
}
