export { Files } from './files.ts'
export { Share } from './share.ts'
export { shareMigrations } from './tables.ts'
export { verifyFiles, type Finding } from './verify.ts'
