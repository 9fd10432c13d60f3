/**
 * What a build leaves in the state beside the fields that every build there has: its metadata. Read back with a schema,
 * because a state can be imported and edited: metadata of another form counts as absent.
 */
import { z } from 'zod'
import type { Build } from '../state/index.ts'
import { invocationSchema } from './invocation.ts'

const fingerprintSchema = z.object({
  base: z.string(),
  /** One for each provisioner. */
  steps: z.array(z.string()),
  final: z.string(),
})

/** Where and when Packer ran for the build the last time. */
const runSchema = z.object({
  /** Of the whole `holdfast build`: its sources have it in common. Sorts by time. */
  id: z.string(),
  /** Absolute; this run's own: the log, the events, the manifest, the exit status. */
  folder: z.string(),
  /** All that Packer wrote, in its machine-readable form. Absolute. */
  log: z.string(),
  /** Where Packer ran: what it says of relative files is meant from there. Absolute; absent in older records. */
  cwd: z.string().exactOptional(),
  /** Of the process group that Packer runs in, or null before it was started. */
  pid: z.number().int().nullable(),
  /** Boot, pid namespace and start time of that process: with the pid they name it for ever. */
  pidStartedAt: z.string().nullable(),
  /** ISO 8601. */
  startedAt: z.string(),
  /** The first provisioner that this run ran; those before it were complete. */
  from: z.number().int().min(0),
  /** 1, and one more for each retry. */
  attempt: z.number().int().min(1),
  /** Whether the machine was to be left running after a failure, for a look at it. */
  isKept: z.boolean(),
  /** Whether what lay where it writes was the build's own when it began; see outputs.ts. */
  ownedOutputs: z.boolean().exactOptional(),
})

const metadataSchema = z.object({
  /** Absolute path of the template's file or folder. */
  template: z.string(),
  /** `1.6.6`. */
  packer: z.string(),
  fingerprint: fingerprintSchema,
  run: runSchema,
  /** How the build was asked for. Absent in older records. */
  invocation: invocationSchema.exactOptional(),
  /** When each artifact was last written, ms since 1970, by its path, as it was when it was hashed. */
  artifactTimes: z.record(z.string(), z.number()),
  /** The outputs of the last complete build while another build runs: Holdfast may overwrite them. */
  replaces: z.array(
    z.object({ path: z.string(), sizeBytes: z.number(), sha256: z.string(), url: z.string().nullable() }),
  ),
  /** Why it resumed, started over or was built although it was complete; a sentence. Absent for a first build. */
  note: z.string().exactOptional(),
})

/** The `metadata` of a build that `holdfast build` made. */
export type BuildMetadata = Readonly<z.infer<typeof metadataSchema>>

/** The build's name in the state: `<template name>/<source>`. */
export function recordName(templateName: string, sourceName: string): string {
  return `${templateName}/${sourceName}`
}

/** What `holdfast build` keeps with the build, or null when the build was not made by it. */
export function metadataOf(build: Build): BuildMetadata | null {
  const result = metadataSchema.safeParse(build.metadata)
  return result.success ? result.data : null
}
