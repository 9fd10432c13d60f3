import { flatten, type CommandNode } from '../command-tree.ts'
import { quote } from './quote.ts'

export function zshCompletion(program: CommandNode): string {
  const nodes = flatten(program)
  const paths = nodes.flatMap(({ path }) => (path ? [quote(path)] : []))
  return `#compdef holdfast
_holdfast() {
  local path_ word
  integer used=1
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "\${path_:+$path_ }$word" in
      ${paths.join('|')}) path_="\${path_:+$path_ }$word"; used+=1 ;;
      *) break ;;
    esac
  done
  # _arguments sees the last word of the command as the program.
  words=("\${(@)words[used,-1]}")
  (( CURRENT -= used - 1 ))
  case $path_ in
${nodes.map(branch).join('\n')}
  esac
}
# Sourced, or loaded by its first use from a folder of $fpath.
if [[ $funcstack[1] == _holdfast ]]; then _holdfast "$@"; else compdef _holdfast holdfast; fi
`
}

function branch({ path, subcommands, options, operands }: CommandNode): string {
  const specs = options.flatMap(({ names, value, description }) =>
    names.map((name) => {
      const takes = value ? `:${escapeSpec(value.name)}:${actionOf(value.choices)}` : ''
      // Some may be given again and again; the program knows which.
      return quote(`*${name}[${escapeSpec(description)}]${takes}`)
    }),
  )
  const children = subcommands.map(({ name, description }) => quote(`${name}:${description}`))
  const rest = quote(`*:${escapeSpec(operands[0]?.name ?? 'file')}:${actionOf(operands[0]?.choices ?? null)}`)
  const lines =
    children.length > 0
      ? [
          `if [[ $PREFIX == -* ]]; then _arguments ${specs.join(' ')}; return; fi`,
          `local -a commands=(${children.join(' ')})`,
          '_describe -t commands command commands',
        ]
      : [`_arguments -S ${[...specs, rest].join(' ')}`]
  return [`    ${quote(path)})`, ...lines.map((line) => `      ${line}`), '      ;;'].join('\n')
}

function actionOf(choices: readonly string[] | null): string {
  return choices ? `(${choices.join(' ')})` : '_files'
}

/** A description in a specification of _arguments, where brackets and colons have a meaning. */
function escapeSpec(text: string): string {
  return text.replaceAll(/[[\]:\\]/g, String.raw`\$&`)
}
