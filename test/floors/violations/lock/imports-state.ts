import { state } from '../state/index.ts'
export const wrong = state
