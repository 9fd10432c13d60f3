import { render } from 'preact'
import { App } from './app.tsx'
import { loadSession } from './session.ts'
import { ignoreStrayDrops } from './upload/dropped-files.ts'
import { guardUploads } from './upload/uploads.ts'

const root = document.querySelector('#app')
if (!root) throw new Error('index.html has no element #app')
guardUploads()
ignoreStrayDrops()
void loadSession()
render(<App />, root)
