import { formatBytes } from '../base/index.ts'
export const wrong = formatBytes
