import type { ButtonHTMLAttributes, ComponentChildren } from 'preact'
import { Link } from '../router.tsx'
import { Icon, type IconName } from './icon.tsx'

type Kind = 'primary' | 'plain' | 'danger' | 'quiet'

type ButtonProps = Omit<ButtonHTMLAttributes, 'icon'> & {
  kind?: Kind
  icon?: IconName
  /** Is at work: cannot be pressed again. */
  isBusy?: boolean
  children: ComponentChildren
}

export function Button({ kind = 'plain', icon, isBusy = false, children, ...rest }: ButtonProps) {
  return (
    <button type="button" class={`button ${kind}`} disabled={isBusy} aria-busy={isBusy} {...rest}>
      {icon && <Icon name={icon} />}
      <span>{children}</span>
    </button>
  )
}

type IconButtonProps = Omit<ButtonHTMLAttributes, 'icon'> & { icon: IconName; label: string }

/** A button that shows only a picture; its label is read out and shown on hovering. */
export function IconButton({ icon, label, ...rest }: IconButtonProps) {
  return (
    <button type="button" class="icon-button" aria-label={label} title={label} {...rest}>
      <Icon name={icon} />
    </button>
  )
}

interface LinkProps {
  href: string
  icon: IconName
  label: string
}

export function IconLink({ href, icon, label }: LinkProps) {
  return (
    <Link class="icon-button" href={href} aria-label={label} title={label}>
      <Icon name={icon} />
    </Link>
  )
}

export function ButtonLink({
  href,
  kind = 'plain',
  icon,
  children,
}: {
  href: string
  kind?: Kind
  icon?: IconName
  children: ComponentChildren
}) {
  return (
    <Link class={`button ${kind}`} href={href}>
      {icon && <Icon name={icon} />}
      <span>{children}</span>
    </Link>
  )
}
