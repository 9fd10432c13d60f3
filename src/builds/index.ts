/** Builds of machine images with HashiCorp Packer: recorded, locked, resumed, skipped when nothing has changed. */
export { buildTemplate, type BuildListener, type BuildRequest, type SourceOutcome } from './build.ts'
export { QemuLayers } from './checkpoint/qemu-layers.ts'
export type { ResumeMode } from './plan.ts'
export { pruneBuilds } from './prune.ts'
export { publishArtifacts } from './publish.ts'
export { metadataOf } from './record.ts'
export { describeStatus } from './steps.ts'
