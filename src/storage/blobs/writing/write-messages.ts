/** What the main thread and the write thread say to each other. Jobs and segments go by number. */

export interface WorkerSetup {
  /** All segments, made once; a `write` names one by its index. */
  segments: SharedArrayBuffer[]
  /** Whether `finished` waits for the disk. */
  durable: boolean
  /** Bytes of all uploads together that may wait for the disk. */
  unflushedBytes: number
}

export type ToWorker =
  // `resumeAt` null: create the target. n: continue the existing target after byte n.
  | { type: 'open'; id: number; target: string; resumeAt: number | null; isResumable: boolean }
  | { type: 'write'; id: number; segment: number; length: number }
  | { type: 'flush'; id: number }
  | { type: 'finish'; id: number }
  | { type: 'abort'; id: number; keepsTarget: boolean }

export type FromWorker =
  | { type: 'opened'; id: number; sizeBytes: number }
  | { type: 'written'; id: number; segment: number }
  | { type: 'flushed'; id: number; sizeBytes: number }
  | { type: 'finished'; id: number; sha256: string }
  // The code stands beside the error, which loses it on its way between threads.
  | { type: 'failed'; id: number; error: Error; code: string | undefined; flushedBytes: number }
  | { type: 'aborted'; id: number }
  | { type: 'warning'; id: number; error: Error }
