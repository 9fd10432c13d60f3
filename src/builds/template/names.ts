const NAME_LENGTH = 60

/** Names on one line, at most 60 characters, each with a number when it is not the first of its kind. */
export function uniqueNames(names: readonly string[]): string[] {
  const taken = new Set<string>()
  return names.map((given) => {
    const line = given.trim().replace(/\s+/g, ' ')
    const short = line.length > NAME_LENGTH ? `${line.slice(0, NAME_LENGTH - 1)}…` : line
    let name = short
    for (let count = 2; taken.has(name); count += 1) name = `${short} (${count})`
    taken.add(name)
    return name
  })
}
