import { useState } from 'preact/hooks'
import { listBuildHistory } from '../api.ts'
import { formatExactTime } from '../format.ts'
import type { Build } from '../../client/api-types.ts'
import { Show, useLoaded } from '../ui/loaded.tsx'

/** Who changed the build's record and when; asked for when it is unfolded. */
export function History({ build }: { build: Build }) {
  const [isOpen, setOpen] = useState(false)
  return (
    <details class="section fold" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        <h2>History</h2>
      </summary>
      {isOpen && <Saves build={build} />}
    </details>
  )
}

function Saves({ build }: { build: Build }) {
  const { state, name } = build
  // Asked again whenever the build is another than it was.
  const saves = useLoaded(JSON.stringify(build), (signal) => listBuildHistory(state, name, signal))
  return (
    <Show from={saves}>
      {({ history }) => (
        <>
          <table class="table downloads-table" role="table">
            <caption class="visually-hidden">Saves that changed this build</caption>
            <thead role="rowgroup">
              <tr role="row">
                <th scope="col">Time</th>
                <th scope="col">By</th>
                <th scope="col">What</th>
              </tr>
            </thead>
            <tbody role="rowgroup">
              {history.map(({ serial, at, who, operation }) => (
                <tr role="row" key={serial}>
                  <td role="cell">
                    <time dateTime={at}>{formatExactTime(at)}</time>
                  </td>
                  <td role="cell" class="mono">
                    {who}
                  </td>
                  <td role="cell" title={`Serial ${serial} of the state`}>
                    {operation}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
          <p class="muted">Of all saves of a state only the newest are kept.</p>
        </>
      )}
    </Show>
  )
}
