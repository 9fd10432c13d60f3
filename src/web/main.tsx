import { render } from 'preact'
import { App } from './app.tsx'
import { loadSession } from './session.ts'
import { watchClicks } from './ui/opener.ts'
import { ignoreStrayDrops } from './upload/dropped-files.ts'
import { guardUploads } from './upload/uploads.ts'

const root = document.querySelector('#app')
if (!root) throw new Error('index.html has no element #app')
watchClicks()
guardUploads()
ignoreStrayDrops()
void loadSession()
// What stands there until now tells that the script does not run.
root.replaceChildren()
render(<App />, root)
