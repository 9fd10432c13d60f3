import { useEffect } from 'preact/hooks'
import { pageTitle } from '../title.ts'
import { ButtonLink } from '../ui/button.tsx'
import { Icon, type IconName } from '../ui/icon.tsx'

const POINTS: readonly { icon: IconName; title: string; text: string }[] = [
  {
    icon: 'file',
    title: 'Files as they are',
    text: 'Any type, any size the disk holds. Nothing is shrunk or changed.',
  },
  {
    icon: 'guests',
    title: 'A link for each',
    text: 'Whoever has the link can download. Whoever has not finds nothing.',
  },
  { icon: 'gauge', title: 'Gone when you say', text: 'After a day, a month, some downloads, or never.' },
]

export function LandingPage() {
  useEffect(() => pageTitle.set('Holdfast'), [])
  return (
    <div class="landing">
      <h1>Big files, handed over by a link.</h1>
      <p class="lead">
        This is a private Holdfast server. Its owner uploads files here and shares them. If you were given a link, open
        it as it is: there is nothing to sign up for.
      </p>
      <div class="actions">
        <ButtonLink href="/login" kind="primary" icon="key">
          Log in
        </ButtonLink>
      </div>
      <ul class="points">
        {POINTS.map(({ icon, title, text }) => (
          <li key={title}>
            <Icon name={icon} />
            <h2>{title}</h2>
            <p>{text}</p>
          </li>
        ))}
      </ul>
    </div>
  )
}
