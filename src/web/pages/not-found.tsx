import { ButtonLink } from '../ui/button.tsx'
import { Page } from '../ui/page.tsx'

export function NotFoundPage() {
  return (
    <Page
      title="There is nothing here"
      width="narrow"
      lead="The address may be mistyped, or what it led to has been removed. A link to a file begins with /- and then ten letters and digits."
    >
      <div class="actions">
        <ButtonLink href="/" kind="primary">
          Go to the start page
        </ButtonLink>
      </div>
    </Page>
  )
}
