/** The write thread of {@link FilesystemBlobs}: a file of its own, because a thread begins with a file. */
import { runWriteThread } from '../writing/write-thread.ts'
import { FileTarget } from './file-target.ts'

runWriteThread((path, isNew) => new FileTarget(path, isNew))
