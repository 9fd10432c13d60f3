import { Share } from '../share/index.ts'

export const wrong = Share
