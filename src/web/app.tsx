import type { ComponentChildren } from 'preact'
import { useEffect, useErrorBoundary } from 'preact/hooks'
import { asApiError } from './api-error.ts'
import { BuildPage } from './pages/build.tsx'
import { BuildsPage } from './pages/builds.tsx'
import { FileDeletePage } from './pages/file-delete.tsx'
import { FileDownloadsPage } from './pages/file-downloads.tsx'
import { FileEditPage } from './pages/file-edit.tsx'
import { FileInfoPage } from './pages/file-info.tsx'
import { FilesPage } from './pages/files.tsx'
import { GuestLinkNewPage } from './pages/guest-link-new.tsx'
import { GuestLinksPage } from './pages/guest-links.tsx'
import { GuestUploadPage } from './pages/guest-upload.tsx'
import { InformationPage } from './pages/information.tsx'
import { LandingPage } from './pages/landing.tsx'
import { LoginPage } from './pages/login.tsx'
import { NotFoundPage } from './pages/not-found.tsx'
import { SettingsPage } from './pages/settings.tsx'
import { TrashPage } from './pages/trash.tsx'
import { UploadPage } from './pages/upload.tsx'
import { navigate, useLocation } from './router.tsx'
import { matchRoute, safeNext, type Match, type PageName } from './routes.ts'
import { loadSession, session } from './session.ts'
import { Shell } from './shell.tsx'
import { Loading } from './ui/loaded.tsx'
import { ErrorNotice } from './ui/notice.tsx'
import { Page } from './ui/page.tsx'
import { useStore } from './use-store.ts'

const PAGES: Record<
  Exclude<PageName, 'home' | 'login'>,
  (props: { id: string; state: string }) => ComponentChildren
> = {
  files: FilesPage,
  'file-info': FileInfoPage,
  'file-edit': FileEditPage,
  'file-downloads': FileDownloadsPage,
  'file-delete': FileDeletePage,
  'guest-links': GuestLinksPage,
  'guest-link-new': GuestLinkNewPage,
  'guest-upload': GuestUploadPage,
  builds: BuildsPage,
  build: BuildPage,
  settings: SettingsPage,
  trash: TrashPage,
  information: InformationPage,
}

export function App() {
  const { path } = useLocation()
  return (
    <Shell>
      <Guarded key={path}>
        <CurrentPage match={matchRoute(path)} />
      </Guarded>
    </Shell>
  )
}

/** A fault of one page is told in its place: the others go on working. */
function Guarded({ children }: { children: ComponentChildren }) {
  const [fault] = useErrorBoundary()
  if (fault === undefined) return children
  return (
    <Page title="This page does not work" width="narrow">
      <ErrorNotice error={asApiError(fault)} onRetry={() => location.reload()} />
    </Page>
  )
}

function CurrentPage({ match }: { match: Match | null }) {
  const { status, ...rest } = useStore(session)
  if (!match) return <NotFoundPage />
  if (status === 'unknown') return <Loading />
  if ('error' in rest) {
    return (
      <Page title="No connection" width="narrow">
        <ErrorNotice error={rest.error} onRetry={() => void loadSession()} />
      </Page>
    )
  }
  const isOwner = status === 'owner'
  if (match.page === 'login') return isOwner ? <AfterLogin /> : <LoginPage />
  // A session that has ended is told of on the login page, which then leads back.
  const hasEnded = 'hasEnded' in rest && rest.hasEnded && match.page === 'home'
  if (!isOwner && (hasEnded || !match.isPublic)) return <ToLogin />
  if (match.page === 'home') return isOwner ? <UploadPage /> : <LandingPage />
  const PageOf = PAGES[match.page]
  // Another file's page is another page: nothing of the first one's state may stay.
  return <PageOf key={[match.page, match.state, match.id].join(' ')} id={match.id} state={match.state} />
}

function ToLogin() {
  const { path } = useLocation()
  useEffect(() => {
    const here = path + location.search
    navigate(`/login?next=${encodeURIComponent(here)}`, { replace: true })
  }, [])
  return null
}

function AfterLogin() {
  const { query } = useLocation()
  useEffect(() => navigate(safeNext(query.get('next')), { replace: true }), [])
  return null
}
