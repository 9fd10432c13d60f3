/** Packer's flags have one dash: they are taken as Packer spells them, and with two. */

const FLAGS = ['var', 'var-file', 'only', 'except', 'force']

/** The words of a command line with `-var`, `-var-file`, `-only`, `-except` and `-force` as `--var` and so on. */
export function withTwoDashes(words: readonly string[]): string[] {
  let isValue = false
  let isOver = false
  return words.map((word) => {
    const flag = /^--?(?<name>[a-z-]+)(?<value>=[^]*)?$/.exec(word)?.groups
    const isPackers = !isValue && !isOver && FLAGS.includes(flag?.['name'] ?? '')
    isOver ||= !isValue && word === '--'
    isValue = isPackers && flag?.['value'] === undefined && flag?.['name'] !== 'force'
    return isPackers && !word.startsWith('--') ? `-${word}` : word
  })
}
