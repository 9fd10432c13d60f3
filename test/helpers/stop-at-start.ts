/** Loaded into a server by `--import`: the moment that it says where it is, it is told to stop. */
const { stdout } = process
const write = stdout.write.bind(stdout)
stdout.write = (text: string | Uint8Array) => {
  const isTaken = write(text)
  if (String(text).startsWith('Holdfast is at')) process.kill(process.pid, 'SIGTERM')
  return isTaken
}
