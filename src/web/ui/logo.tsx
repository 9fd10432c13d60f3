/** The logo, an anchor. */
export function Logo() {
  return (
    <svg class="logo" viewBox="0 0 32 32" aria-hidden="true">
      <rect class="logo-ground" width="32" height="32" rx="8" />
      <circle cx="16" cy="8" r="2.7" />
      <path d="M16 10.7V26M11.4 14.6h9.2M6.5 18.2C7 23 10.6 26 16 26s9-3 9.500-7.800" />
      <path d="M4.800 20.600l1.700-2.400 2.500 1.500M27.200 20.600l-1.700-2.400-2.500 1.500" />
    </svg>
  )
}
