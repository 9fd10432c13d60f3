import { LockManager } from '../lock/index.ts'

export const wrong = LockManager
