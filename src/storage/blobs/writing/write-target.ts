/** The port between the write thread and a driver: where the bytes of one blob go. All calls come from that thread. */
export interface WriteTarget {
  /** Bytes that the target holds when it is opened. */
  readonly sizeBytes: number
  /** Takes all bytes, at `position`. Returns at once: what waits for the device belongs into `flush`. */
  write(bytes: Uint8Array, position: number): void
  /** Calls back once all bytes written before would survive a power cut. */
  flush(callback: (error: Error | null) => void): void
  /** Reads into `buffer` from `position`. Calls back with the number of bytes read; 0 at the end. */
  read(buffer: Buffer, position: number, callback: (error: Error | null, bytesRead: number) => void): void
  /** Drops all bytes after `sizeBytes`. */
  cut(sizeBytes: number): void
  close(): void
  /** Removes the target, closed or not. */
  remove(): void
}

/** Opens the target that `WriteJob.target` names. @param isNew whether to create it, and to fail if it exists. */
export type OpenTarget = (target: string, isNew: boolean) => WriteTarget
