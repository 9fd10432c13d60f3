/**
 * Text by another person, shown so that it cannot deceive: `inv<RIGHT-TO-LEFT OVERRIDE>fdp.exe` would read
 * `invexe.pdf`. Characters that change the direction, are invisible or control something stand as their code point.
 */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]/gu
/** Make emoji of several parts, and letters of scripts that join: invisible, but part of what is seen. */
const JOINERS = /^(?:\u200c|\u200d|\ufe0e|\ufe0f|[\u{e0100}-\u{e01ef}])$/u
// As one class it misses U+1F468 in V8 14.
const PICTURE_END = /(?:\p{Extended_Pictographic}|\p{Emoji_Modifier}|\ufe0f)$/u
const PICTURE_START = /^\p{Extended_Pictographic}/u
const KEYCAP = /[0-9#*]$/
const UNJOINED = /^[\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}\p{Script=Common}\p{Script=Inherited}]/u

/** A name on one line: line breaks and tabs are made visible too. */
export function visibleName(name: string): string {
  return name.replace(HIDDEN, (character, at: number) => (isJoined(character, name, at) ? character : mark(character)))
}

/** A note of several lines. */
export function visibleNote(note: string): string {
  return note
    .split(/(\r\n|\n|\t)/)
    .map((part, index) => (index % 2 === 1 ? part : visibleName(part)))
    .join('')
}

function mark(character: string): string {
  const code = character.codePointAt(0) ?? 0
  return `[U+${code.toString(16).toUpperCase().padStart(4, '0')}]`
}

function isJoined(character: string, text: string, at: number): boolean {
  if (!JOINERS.test(character)) return false
  const before = text.slice(0, at)
  const after = text.slice(at + character.length)
  if (character === '\u200d' && PICTURE_END.test(before)) return PICTURE_START.test(after)
  if (character > '\u200d') return PICTURE_END.test(before) || KEYCAP.test(before) || isLetter(lastOf(before))
  return isLetter(lastOf(before)) && isLetter(after)
}

function isLetter(text: string): boolean {
  return /^[\p{L}\p{M}]/u.test(text) && !UNJOINED.test(text)
}

function lastOf(text: string): string {
  return /.$/su.exec(text)?.[0] ?? ''
}
