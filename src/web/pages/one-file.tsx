import type { ComponentChildren } from 'preact'
import { getFile } from '../api.ts'
import { Link } from '../router.tsx'
import type { SharedFile } from '../../client/api-types.ts'
import { Loading, useLoaded } from '../ui/loaded.tsx'
import { Name } from '../ui/name.tsx'
import { ErrorNotice } from '../ui/notice.tsx'
import { NotFoundPage } from './not-found.tsx'

interface Props {
  id: string
  /** The page whose title is the name already. */
  isInfo?: boolean
  children: (file: SharedFile) => ComponentChildren
}

/** Loads a file for the pages about one; when there is none, says so in their place. */
export function OneFile({ id, isInfo = false, children }: Props) {
  const { data, error, reload } = useLoaded(id, (signal) => getFile(id, signal))
  if (error?.status === 404 || error?.status === 400) return <NotFoundPage />
  if (error) return <ErrorNotice error={error} onRetry={reload} />
  if (!data) return <Loading />
  return (
    <>
      <nav class="crumbs" aria-label="Breadcrumb">
        <Link href="/files">Files</Link>
        {!isInfo && (
          <>
            <span aria-hidden="true">/</span>
            <Link href={`/files/${id}/info`}>
              <Name text={data.filename} />
            </Link>
          </>
        )}
      </nav>
      {children(data)}
    </>
  )
}
