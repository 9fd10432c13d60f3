import { Store } from './store.ts'

/** What the page shown is called; the tab's title adds how far the uploads are. */
export const pageTitle = new Store('Holdfast')
