const PATHS = {
  alert:
    'M12 8v5M12 16.500v.01M10.300 4 2.600 17.500A2 2 0 0 0 4.300 20.500h15.400a2 2 0 0 0 1.700-3L13.700 4a2 2 0 0 0-3.400 0Z',
  builds: 'M12 3 4 7v10l8 4 8-4V7ZM4 7l8 4 8-4M12 11v10',
  check: 'm5 12.500 4.500 4.500L19 7.500',
  clock: 'M12 7.500V12l3 2M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18Z',
  close: 'M6 6l12 12M18 6 6 18',
  copy: 'M9 9h10a1 1 0 0 1 1 1v10a1 1 0 0 1-1 1H9a1 1 0 0 1-1-1V10a1 1 0 0 1 1-1ZM16 5V4a1 1 0 0 0-1-1H5a1 1 0 0 0-1 1v10a1 1 0 0 0 1 1',
  down: 'm6 9 6 6 6-6',
  download: 'M12 4v11M7 10.500l5 5 5-5M5 20h14',
  edit: 'M4 20h4L19.500 8.500a2.100 2.100 0 0 0-3-3L5 17l-1 3ZM14.500 7.500l3 3',
  file: 'M14 3H7a1 1 0 0 0-1 1v16a1 1 0 0 0 1 1h10a1 1 0 0 0 1-1V7ZM14 3v4h4',
  files: 'M4 7a1 1 0 0 1 1-1h4l2 2.500h8a1 1 0 0 1 1 1V18a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1Z',
  gauge: 'M4.500 18a9 9 0 1 1 15 0M12 14l4-5M12 14v.01',
  guests:
    'M10 14a4 4 0 0 0 5.700 0l3.500-3.500a4 4 0 0 0-5.700-5.700L12.300 6M14 10a4 4 0 0 0-5.700 0l-3.500 3.500a4 4 0 0 0 5.700 5.700l1.200-1.200',
  info: 'M12 11v5.500M12 7.500v.01M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18Z',
  key: 'M14.500 9.500a4.500 4.500 0 1 1-4-4.500 4.500 4.500 0 0 1 4 4.500ZM13.500 12l7 7M17 15.500l2-2',
  logout: 'M14 4h4a1 1 0 0 1 1 1v14a1 1 0 0 1-1 1h-4M10 8l-4 4 4 4M6 12h9',
  more: 'M5 12h.01M12 12h.01M19 12h.01',
  open: 'M14 4h6v6M20 4l-9 9M18 14v5a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1V7a1 1 0 0 1 1-1h5',
  pause: 'M9 6v12M15 6v12',
  play: 'M8 5.500v13l10.500-6.500Z',
  plus: 'M12 5v14M5 12h14',
  qr: 'M4 4h6v6H4ZM14 4h6v6h-6ZM4 14h6v6H4ZM14 14h2v2h-2ZM18 18h2v2h-2ZM19 14h1M14 19v1',
  retry: 'M19.500 8A8.500 8.500 0 1 0 20.500 13M20 3.500V8h-4.500',
  search: 'M16 16l4.500 4.500M10.500 18a7.500 7.500 0 1 0 0-15 7.500 7.500 0 0 0 0 15Z',
  settings:
    'M4 7h9M17 7h3M4 17h3M11 17h9M15 9.500a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5ZM9 19.500a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5Z',
  skip: 'M6 6l7 6-7 6ZM17 6v12',
  text: 'M5 6h14M5 10.500h14M5 15h9',
  trash: 'M5 7h14M10 7V4.500h4V7M7 7l.8 12.500h8.400L17 7M10.500 11v5M13.500 11v5',
  up: 'm6 15 6-6 6 6',
  upload: 'M12 16V5M7 9.500 12 4.500l5 5M5 19.500h14',
} as const

export type IconName = keyof typeof PATHS

/** Always beside or instead of words that a screen reader gets otherwise, so hidden from it. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  )
}
