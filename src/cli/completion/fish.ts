import { flatten, type CommandNode } from '../command-tree.ts'

export function fishCompletion(program: CommandNode): string {
  const nodes = flatten(program)
  const paths = nodes.flatMap(({ path }) => (path ? [quote(path)] : []))
  return `# fish completion for holdfast
set -g __holdfast_commands ${paths.join(' ')}
function __holdfast_at --argument-names wanted
  set -l found ''
  for word in (commandline -opc)[2..-1]
    set -l longer (string trim -- "$found $word")
    contains -- $longer $__holdfast_commands; or break
    set found $longer
  end
  test "$found" = "$wanted"
end
complete -c holdfast -e
${nodes.flatMap(linesOf).join('\n')}
`
}

function linesOf({ path, subcommands, options, operands }: CommandNode): string[] {
  const start = `complete -c holdfast -n ${quote(`__holdfast_at '${path}'`)}`
  const described = (text: string) => `-d ${quote(text)}`
  return [
    ...subcommands.map(({ name, description }) => `${start} -f -a ${name} ${described(description)}`),
    ...operands.slice(0, 1).flatMap(({ choices, description }) => {
      return choices ? `${start} -f -a ${quote(choices.join(' '))} ${described(description)}` : []
    }),
    ...options.map(({ names, value, description }) => {
      const flags = names.map((name) => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`))
      const takes = value ? (value.choices ? [`-x -a ${quote(value.choices.join(' '))}`] : ['-r']) : []
      return [start, ...flags, ...takes, described(description)].join(' ')
    }),
  ]
}

function quote(text: string): string {
  return `'${text.replaceAll(/['\\]/g, String.raw`\$&`)}'`
}
