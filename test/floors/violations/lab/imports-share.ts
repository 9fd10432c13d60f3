import { share } from '../share/index.ts'
export const wrong = share
