import { SharedFile } from '../client/api-types.ts'

export const wrong = SharedFile
