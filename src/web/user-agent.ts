/** A user agent in a few words: `Firefox 140 on Linux`, `curl 8.5`. The whole text stays at hand in a tooltip. */
const PROGRAMS: readonly [RegExp, string][] = [
  [/\bEdgA?\/(\d+)/, 'Edge'],
  [/\bOPR\/(\d+)/, 'Opera'],
  [/\bSamsungBrowser\/(\d+)/, 'Samsung Internet'],
  [/\b(?:Firefox|FxiOS)\/(\d+)/, 'Firefox'],
  [/\b(?:Chrome|CriOS)\/(\d+)/, 'Chrome'],
  [/\bVersion\/(\d+)[\d.]* (?:Mobile\/\S+ )?Safari\//, 'Safari'],
]
const SYSTEMS: readonly [RegExp, string][] = [
  [/iPhone|iPad/, 'iOS'],
  [/Android/, 'Android'],
  [/Windows/, 'Windows'],
  [/Mac OS X/, 'macOS'],
  [/CrOS/, 'ChromeOS'],
  [/Linux/, 'Linux'],
]

export function describeUserAgent(text: string): string {
  if (text.trim() === '') return 'Unknown'
  const system = SYSTEMS.find(([pattern]) => pattern.test(text))?.[1]
  for (const [pattern, name] of PROGRAMS) {
    const found = pattern.exec(text)
    if (found) return [name, found[1], ...(system ? ['on', system] : [])].join(' ')
  }
  const tool = /^([\w.+-]+)\/(\d+(?:\.\d+)?)/.exec(text)
  return tool && tool[1] !== 'Mozilla' ? `${tool[1]} ${tool[2]}` : text.slice(0, 40)
}
