import type { ComponentChildren } from 'preact'
import { useEffect } from 'preact/hooks'
import { asApiError } from './api-error.ts'
import { formatPercent } from './format.ts'
import { Link, navigate, useLocation } from './router.tsx'
import { endSession, session } from './session.ts'
import { pageTitle } from './title.ts'
import { toast } from './toasts.ts'
import { Icon, type IconName } from './ui/icon.tsx'
import { Logo } from './ui/logo.tsx'
import { Toaster } from './ui/toaster.tsx'
import { summarize } from './upload/queue.ts'
import { guestUploads, ownerUploads } from './upload/uploads.ts'
import { useStore } from './use-store.ts'

const PLACES: readonly { href: string; label: string; icon: IconName }[] = [
  { href: '/', label: 'Upload', icon: 'upload' },
  { href: '/files', label: 'Files', icon: 'files' },
  { href: '/guest-links', label: 'Guest links', icon: 'guests' },
  { href: '/builds', label: 'Builds', icon: 'builds' },
  { href: '/settings', label: 'Settings', icon: 'settings' },
  { href: '/information', label: 'System', icon: 'gauge' },
]

/** What stands around every page. */
export function Shell({ children }: { children: ComponentChildren }) {
  const { path } = useLocation()
  const { status, ...rest } = useStore(session)
  const isOwner = status === 'owner'
  const progress = useProgress()
  useTabTitle(progress)
  return (
    <div class={isOwner ? 'shell with-places' : 'shell'}>
      <a class="skip-link" href="#content">
        Skip to the content
      </a>
      <header class="top">
        <Link class="brand" href="/" aria-label="Holdfast, start page">
          <Logo />
          <span>Holdfast</span>
        </Link>
        {isOwner && <Places path={path} hasBuilds={'hasStates' in rest && rest.hasStates} />}
        <div class="top-end">
          {progress !== null && path !== '/' && isOwner && <ProgressPill fraction={progress} />}
          {isOwner && <LogOutButton />}
        </div>
      </header>
      <main id="content" tabIndex={-1}>
        {children}
      </main>
      <Toaster />
    </div>
  )
}

/** The navigation. The place of builds appears with the first build. */
function Places({ path, hasBuilds }: { path: string; hasBuilds: boolean }) {
  const isHere = (href: string) => (href === '/' ? path === '/' : path.startsWith(href))
  return (
    <nav class="places" aria-label="Main">
      {PLACES.filter(({ href }) => href !== '/builds' || hasBuilds).map(({ href, label, icon }) => (
        <Link key={href} href={href} {...(isHere(href) ? { 'aria-current': 'page' as const } : {})}>
          <Icon name={icon} />
          <span>{label}</span>
        </Link>
      ))}
    </nav>
  )
}

function ProgressPill({ fraction }: { fraction: number }) {
  return (
    <Link class="pill" href="/" aria-label={`Uploading, ${formatPercent(fraction)} done. Show the uploads`}>
      <Icon name="upload" />
      {formatPercent(fraction)}
    </Link>
  )
}

function LogOutButton() {
  const leave = async () => {
    try {
      navigate('/')
      await endSession()
    } catch (error) {
      toast(`Not logged out: ${asApiError(error).message}`, 'bad')
    }
  }
  return (
    <button type="button" class="quiet-link" onClick={() => void leave()}>
      <Icon name="logout" />
      <span>Log out</span>
    </button>
  )
}

/** How far all uploads are, from 0 to 1; `null` when none is under way. */
function useProgress(): number | null {
  const owner = useStore(ownerUploads)
  const guest = useStore(guestUploads)
  const { underWay, sentBytes, totalBytes } = summarize([...owner, ...guest])
  return underWay > 0 ? sentBytes / Math.max(1, totalBytes) : null
}

function useTabTitle(progress: number | null): void {
  const title = useStore(pageTitle)
  const prefix = progress === null ? '' : `${formatPercent(progress)} · `
  useEffect(() => {
    document.title = title === 'Holdfast' ? `${prefix}${title}` : `${prefix}${title} · Holdfast`
  }, [title, prefix])
}
