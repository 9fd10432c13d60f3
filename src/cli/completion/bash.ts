import { flatten, type CommandNode } from '../command-tree.ts'
import { quote } from './quote.ts'

/** For bash 3.2, which macOS has, and later. Other words are left to bash, which completes files. */
export function bashCompletion(program: CommandNode): string {
  const nodes = flatten(program)
  const paths = nodes.flatMap(({ path }) => (path ? [quote(path)] : []))
  return `# bash completion for holdfast
_holdfast() {
  local cur=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} path= words= word
  # A command that runs under a lock is completed by itself.
  [[ " \${COMP_WORDS[*]:0:COMP_CWORD} " == *' -- '* ]] && return
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "\${path:+$path }$word" in
      ${paths.join('|')}) path="\${path:+$path }$word" ;;
      *) break ;;
    esac
  done
  case "$path $previous" in
${nodes.flatMap(valueCases).join('\n')}
  esac
  if [[ -z $words ]]; then
    case "$path" in
${nodes.map(wordCase).join('\n')}
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o bashdefault -o default -F _holdfast holdfast
`
}

/** The words that may follow an option: a fixed list, or a kind that bash completes by itself. */
function valueCases({ path, options }: CommandNode): string[] {
  return options.flatMap(({ names, value }) => {
    if (!value) return []
    const pattern = names.map((name) => quote(`${path} ${name}`)).join('|')
    return value.choices ? `    ${pattern}) words=${quote(value.choices.join(' '))} ;;` : `    ${pattern}) return ;;`
  })
}

function wordCase({ path, subcommands, options, operands }: CommandNode): string {
  const words = [...subcommands.map(({ name }) => name), ...(operands[0]?.choices ?? [])].join(' ')
  const flags = options.flatMap((option) => option.names).join(' ')
  return `      ${quote(path)}) if [[ $cur == -* ]]; then words=${quote(flags)}; else words=${quote(words)}; fi ;;`
}
