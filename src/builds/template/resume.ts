/** Whether a builder can go on where a run stopped. */
export type Resume =
  | { readonly kind: 'steps'; readonly reason: string }
  | { readonly kind: 'checkpoint'; readonly reason: string }
  | { readonly kind: 'none'; readonly reason: string }

/**
 * `steps`: with the provisioners that are left, on the machine as it is. `checkpoint`: from a saved disk image.
 * `none`: from the beginning. The reason is a sentence for a person.
 */
export function describeResume(builderType: string): Resume {
  if (builderType === 'null') {
    return { kind: 'steps', reason: 'The null builder makes no machine: what a provisioner has done stays done.' }
  }
  if (builderType === 'qemu') {
    return {
      kind: 'checkpoint',
      reason: 'A qemu build goes on from the disk image saved after the last complete step.',
    }
  }
  if (builderType === 'file') {
    return { kind: 'none', reason: 'The file builder writes its file anew in every run, so the build starts over.' }
  }
  return {
    kind: 'none',
    reason: `Packer deletes the machine of a failed ${builderType} build, and Holdfast cannot save one of that kind, so the build starts over.`,
  }
}
