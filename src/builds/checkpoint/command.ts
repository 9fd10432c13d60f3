/**
 * The program: `command.ts PLAN INDEX`. Its exit status is 0 whatever happens, because Packer would give up the
 * build.
 */
import { takeCheckpoint } from './checkpoint.ts'

const [plan = '', index = ''] = process.argv.slice(2)
console.log(await takeCheckpoint(plan, Number(index)))
