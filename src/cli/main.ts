import { log } from 'node:console'
log('holdfast')
